import { inject } from "@angular/core";
import { errorText, toGreenroomError } from "greenroom/core";

import { GREENROOM_TEXTS } from "./tokens";

/** Return a function that returns the sentence for any error, in the language of the app. */
export function injectErrorText(): (error: unknown) => string {
  const texts = inject(GREENROOM_TEXTS);
  return (error) => errorText(texts(), toGreenroomError(error));
}
