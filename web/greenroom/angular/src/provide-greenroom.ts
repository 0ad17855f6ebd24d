import { type EnvironmentProviders, inject, isSignal, makeEnvironmentProviders, signal } from "@angular/core";
import { ENGLISH, Greenroom } from "greenroom/core";

import { GREENROOM, GREENROOM_OPTIONS, GREENROOM_TEXTS, type ProvideGreenroomOptions } from "./tokens";
import { UploadsOfUser } from "./uploads";

/**
 * Provide Greenroom to an app or to a route.
 *
 * @param options A function instead of an object is called once, on first use, and may `inject`.
 */
export function provideGreenroom(
  options: ProvideGreenroomOptions | (() => ProvideGreenroomOptions),
): EnvironmentProviders {
  return makeEnvironmentProviders([
    UploadsOfUser,
    { provide: GREENROOM_OPTIONS, useFactory: () => (typeof options === "function" ? options() : options) },
    {
      provide: GREENROOM,
      useFactory: () => {
        const { app, uid: _uid, texts: _texts, uploads: _uploads, ...deployment } = inject(GREENROOM_OPTIONS);
        return new Greenroom(app, deployment);
      },
    },
    {
      provide: GREENROOM_TEXTS,
      useFactory: () => {
        const { texts = ENGLISH } = inject(GREENROOM_OPTIONS);
        return isSignal(texts) ? texts : signal(texts);
      },
    },
  ]);
}
