import type { Words } from "./en";
import { ENGLISH_WORDS } from "./en";
export const ARABIC_WORDS: Words = ENGLISH_WORDS;
