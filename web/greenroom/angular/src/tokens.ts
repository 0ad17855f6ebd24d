import { InjectionToken, type Signal, signal } from "@angular/core";
import type { FirebaseApp } from "firebase/app";
import { ENGLISH, type Greenroom, type GreenroomOptions, type Texts, type UploadsOptions } from "greenroom/core";

/** Options of `provideGreenroom`: the deployment, the user and the language. */
export interface ProvideGreenroomOptions extends GreenroomOptions {
  /** The initialized Firebase app. */
  app: FirebaseApp;

  /** The uid of the signed-in user; `undefined` if nobody is signed in. Each user has their own uploads. */
  uid?: Signal<string | undefined>;

  /** The texts of the library. With a signal, the language can change without a reload. English unless set. */
  texts?: Texts | Signal<Texts>;

  /** Limits of the uploads. */
  uploads?: UploadsOptions;
}

/** The `Greenroom` of this app, for calls of your own. */
export const GREENROOM = new InjectionToken<Greenroom>("GREENROOM");

/** The texts of the library in the current language. English without `provideGreenroom`. */
export const GREENROOM_TEXTS = new InjectionToken<Signal<Texts>>("GREENROOM_TEXTS", {
  providedIn: "root",
  factory: () => signal(ENGLISH),
});

/** The options of `provideGreenroom`. */
export const GREENROOM_OPTIONS = new InjectionToken<ProvideGreenroomOptions>("GREENROOM_OPTIONS");
