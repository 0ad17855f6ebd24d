import { inject } from "@angular/core";
import { errorText, toGreenroomError } from "greenroom/core";

import { GREENROOM_TEXTS } from "./tokens";

/** Return a function that says, in the language of the app, why something failed and what a person can do. */
export function injectErrorText(): (error: unknown) => string {
  const texts = inject(GREENROOM_TEXTS);
  return (error) => errorText(texts(), toGreenroomError(error));
}
