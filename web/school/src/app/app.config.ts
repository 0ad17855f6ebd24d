import {
  type ApplicationConfig,
  inject,
  provideAppInitializer,
  provideBrowserGlobalErrorListeners,
  provideZonelessChangeDetection,
} from "@angular/core";
import {
  provideRouter,
  Router,
  TitleStrategy,
  withComponentInputBinding,
  withNavigationErrorHandler,
  withRouterConfig,
} from "@angular/router";

import { Account } from "./account/account";
import { routes } from "./app.routes";
import { APP_CONFIG, type AppConfig } from "./config";
import { PageTitles } from "./ui/page-titles";
import { ColourScheme } from "./ui/scheme";
import { Language } from "./words/language";

export function appConfig(config: AppConfig): ApplicationConfig {
  return {
    providers: [
      provideBrowserGlobalErrorListeners(),
      provideZonelessChangeDetection(),
      { provide: APP_CONFIG, useValue: config },
      { provide: TitleStrategy, useExisting: PageTitles },
      provideRouter(
        routes,
        withComponentInputBinding(),
        // After a deployment the chunks of the old version are gone: load the new version at the requested URL.
        withNavigationErrorHandler(({ url }) => {
          if (inject(Router).navigated) location.assign(url);
        }),
        withRouterConfig({ paramsInheritanceStrategy: "always", canceledNavigationResolution: "computed" }),
      ),
      provideAppInitializer(() => {
        inject(ColourScheme).start();
        inject(Account);
        return inject(Language).start();
      }),
    ],
  };
}
