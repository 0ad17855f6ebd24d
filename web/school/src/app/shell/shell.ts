import { afterNextRender, ChangeDetectionStrategy, Component, computed, inject, Injector, signal } from "@angular/core";
import { takeUntilDestroyed } from "@angular/core/rxjs-interop";
import { NavigationEnd, NavigationStart, Router, RouterLink, RouterLinkActive, RouterOutlet } from "@angular/router";

import { Account } from "../account/account";
import { AccountDialog } from "../account/account-dialog";
import { Brand } from "../ui/brand";
import { Dialogs } from "../ui/dialogs";
import { LanguageButton } from "../ui/language-button";
import { Language } from "../words/language";
import { PendingWritesNotice } from "./pending-writes-notice";
import { UploadDock } from "./upload-dock";

/** The layout of every page of a signed-in user: the header, and the router outlet. */
@Component({
  selector: "app-shell",
  imports: [Brand, LanguageButton, PendingWritesNotice, RouterLink, RouterLinkActive, RouterOutlet, UploadDock],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <a class="skip button primary" href="#main" (click)="skip($event)">{{ words().app.skip }}</a>
    <header class="header" [hidden]="isPresenting()">
      <div class="header-inner">
        <a class="brand" routerLink="/">
          <app-brand />
          <span class="brand-name">{{ words().app.name }}</span>
        </a>
        @if (isTeacher()) {
          <nav class="header-nav" [attr.aria-label]="words().app.mainNavigation">
            <a routerLink="/teach" routerLinkActive="active" ariaCurrentWhenActive="page">{{ words().app.teach }}</a>
            <a routerLink="/learn" routerLinkActive="active" ariaCurrentWhenActive="page">{{ words().app.learn }}</a>
          </nav>
        }
        <div class="header-end">
          <app-upload-dock />
          <app-language-button class="wide-only" />
          <button
            type="button"
            class="avatar"
            [attr.aria-label]="words().app.account(person()?.name ?? '')"
            aria-haspopup="dialog"
            (click)="openAccount()"
          >
            {{ initial() }}
          </button>
        </div>
      </div>
    </header>
    <main id="main" class="main" [class.presenting]="isPresenting()" tabindex="-1">
      <app-pending-writes-notice />
      <router-outlet />
    </main>
  `,
})
export class Shell {
  protected readonly person = inject(Account).person;
  protected readonly words = inject(Language).words;
  readonly #dialogs = inject(Dialogs);
  readonly #router = inject(Router);
  readonly #injector = inject(Injector);
  readonly #address = signal(this.#router.url);

  protected readonly isTeacher = computed(() => this.person()?.role === "teacher");
  protected readonly isPresenting = computed(() => this.#address().startsWith("/present/"));
  protected readonly initial = computed(() => (this.person()?.name ?? "").trim().charAt(0).toLocaleUpperCase() || "?");

  constructor() {
    let before: string | undefined;
    this.#router.events.pipe(takeUntilDestroyed()).subscribe((event) => {
      if (event instanceof NavigationStart) before = this.#address();
      if (!(event instanceof NavigationEnd)) return;
      const address = event.urlAfterRedirects.split("?")[0] ?? "";
      this.#address.set(address);
      if (event.id > 1 && before !== address && !isTab(before, address)) this.#focusHeading();
    });
  }

  protected skip(event: Event): void {
    event.preventDefault();
    document.getElementById("main")?.focus();
  }

  protected openAccount(): void {
    void this.#dialogs.open(AccountDialog, "account-title");
  }

  /** Focus the new page's heading, where a screen reader continues; `main` on pages without one. */
  #focusHeading(): void {
    afterNextRender(
      { read: () => (document.querySelector<HTMLElement>("main h1") ?? document.getElementById("main"))?.focus() },
      { injector: this.#injector },
    );
  }
}

/** Return whether both URLs are tabs of one session's page, whose heading stays. */
function isTab(before: string | undefined, after: string): boolean {
  const page = (address: string) => /^\/teach\/(?!new)[^/]+/.exec(address)?.[0];
  return before !== undefined && page(before) !== undefined && page(before) === page(after);
}
