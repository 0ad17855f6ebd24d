import { inject } from "@angular/core";
import { type CanMatchFn, Router, type Routes } from "@angular/router";

import { Account } from "./account/account";

const isSignedIn: CanMatchFn = async () => {
  const account = inject(Account);
  const router = inject(Router);
  const from = router.currentNavigation()?.extractedUrl.toString() ?? "/";
  await account.known;
  if (account.person() !== null) return true;
  return router.createUrlTree(["/sign-in"], from === "/" ? {} : { queryParams: { from } });
};

export const routes: Routes = [
  { path: "sign-in", loadComponent: () => import("./account/sign-in.page").then((m) => m.SignInPage) },
  {
    path: "",
    canMatch: [isSignedIn],
    loadChildren: () => import("./signed-in.routes").then((m) => m.SIGNED_IN_ROUTES),
  },
];
