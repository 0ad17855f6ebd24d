import { Component } from "@angular/core";

@Component({ selector: "app-root", template: `<main></main>` })
export class App {}
