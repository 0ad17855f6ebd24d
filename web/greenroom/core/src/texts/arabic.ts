import { ENGLISH } from "./english";
import type { Texts } from "./texts";

/** All texts in Arabic. */
export const ARABIC: Texts = { ...ENGLISH, locale: "ar", direction: "rtl" };
