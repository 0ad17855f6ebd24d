import { InjectionToken, type Signal, signal } from "@angular/core";
import type { FirebaseApp } from "firebase/app";
import { ENGLISH, type Greenroom, type GreenroomOptions, type Texts, type UploadsOptions } from "greenroom/core";

/** What an app says about its deployment of Greenroom. */
export interface ProvideGreenroomOptions extends GreenroomOptions {
  app: FirebaseApp;

  /** The uid of the signed-in user; `undefined` if nobody is signed in. Each user has their own uploads. */
  uid?: Signal<string | undefined>;

  /** What the library shows, in the language of the app. A signal changes it without a reload. English unless set. */
  texts?: Texts | Signal<Texts>;

  uploads?: UploadsOptions;
}

/** The deployment of Greenroom that this app uses. */
export const GREENROOM = new InjectionToken<Greenroom>("GREENROOM");

/** What the library shows. */
export const GREENROOM_TEXTS = new InjectionToken<Signal<Texts>>("GREENROOM_TEXTS", {
  providedIn: "root",
  factory: () => signal(ENGLISH),
});

/** The options of `provideGreenroom`. */
export const GREENROOM_OPTIONS = new InjectionToken<ProvideGreenroomOptions>("GREENROOM_OPTIONS");
