import { computed, inject } from "@angular/core";
import { type CanMatchFn, Router, type Routes } from "@angular/router";
import { connectFirestoreEmulator, getFirestore } from "firebase/firestore";
import { provideGreenroom, type ProvideGreenroomOptions } from "greenroom/angular";
import { ARABIC, ENGLISH } from "greenroom/core";

import { Account } from "./account/account";
import { APP_CONFIG } from "./config";
import { Shell } from "./shell/shell";
import { leaveUnsaved } from "./teach/session-form";
import { SessionWrites } from "./teach/session-writes";
import { SlidesUploads } from "./teach/slides-uploads";
import { Dialogs } from "./ui/dialogs";
import { Language } from "./words/language";

function greenroomOptions(): ProvideGreenroomOptions {
  const account = inject(Account);
  const language = inject(Language);
  const { greenroom, testBed } = inject(APP_CONFIG);
  if (testBed !== undefined) {
    connectFirestoreEmulator(getFirestore(account.app), testBed.firestore.host, testBed.firestore.port);
  }
  return {
    ...greenroom,
    app: account.app,
    uid: computed(() => account.person()?.uid),
    texts: computed(() => (language.code() === "ar" ? ARABIC : ENGLISH)),
  };
}

const isTeacher: CanMatchFn = () => inject(Account).person()?.role === "teacher" || inject(Router).parseUrl("/learn");

export const SIGNED_IN_ROUTES: Routes = [
  {
    path: "",
    component: Shell,
    providers: [provideGreenroom(greenroomOptions), Dialogs, SessionWrites, SlidesUploads],
    children: [
      {
        path: "",
        pathMatch: "full",
        redirectTo: () => (inject(Account).person()?.role === "teacher" ? "/teach" : "/learn"),
      },
      {
        path: "teach",
        canMatch: [isTeacher],
        children: [
          { path: "", loadComponent: () => import("./teach/list.page").then((m) => m.TeachListPage) },
          {
            path: "new",
            canDeactivate: [leaveUnsaved],
            loadComponent: () => import("./teach/new.page").then((m) => m.NewSessionPage),
          },
          {
            path: ":sessionId",
            loadComponent: () => import("./teach/session.page").then((m) => m.TeachSessionPage),
            children: [
              { path: "", pathMatch: "full", redirectTo: "videos" },
              { path: "videos", loadComponent: () => import("./teach/videos.page").then((m) => m.VideosPage) },
              { path: "slides", loadComponent: () => import("./teach/slides.page").then((m) => m.SlidesPage) },
              { path: "live", loadComponent: () => import("./teach/live.page").then((m) => m.LivePage) },
              { path: "people", loadComponent: () => import("./teach/people.page").then((m) => m.PeoplePage) },
              {
                path: "settings",
                canDeactivate: [leaveUnsaved],
                loadComponent: () => import("./teach/settings.page").then((m) => m.SettingsPage),
              },
            ],
          },
        ],
      },
      { path: "learn", loadComponent: () => import("./learn/list.page").then((m) => m.LearnListPage) },
      { path: "learn/:sessionId", loadComponent: () => import("./learn/session.page").then((m) => m.LearnSessionPage) },
      { path: "present/:sessionId", loadComponent: () => import("./teach/present.page").then((m) => m.PresentPage) },
      { path: "**", loadComponent: () => import("./shell/not-found.page").then((m) => m.NotFoundPage) },
    ],
  },
];
