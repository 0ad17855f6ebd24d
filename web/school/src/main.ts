import { bootstrapApplication } from "@angular/platform-browser";

import { App } from "./app/app";
import { appConfig } from "./app/app.config";
import { loadConfig } from "./app/config";

async function start(): Promise<void> {
  await bootstrapApplication(App, appConfig(await loadConfig()));
}

start().catch((error: unknown) => {
  console.error(error);
  const failure = document.getElementById("cannot-start");
  if (failure !== null) failure.hidden = false;
});
