import { FirebaseError } from "firebase/app";
import { expect, it } from "vitest";

import { toGreenroomError, toReadError } from "./to-greenroom-error";

const firestoreError = (code: string) => new FirebaseError(code, "Missing or insufficient permissions.");

it.each([
  ["permission-denied", "WRITE_REFUSED"],
  ["not-found", "DOCUMENT_NOT_READABLE"],
  ["unavailable", "UNREACHABLE"],
  ["auth/wrong-password", "UNKNOWN"],
])("takes %s of a write for %s", (code, expected) => {
  expect(toGreenroomError(firestoreError(code)).code).toBe(expected);
});

it.each([
  ["permission-denied", "DOCUMENT_NOT_READABLE"],
  ["unavailable", "UNREACHABLE"],
])("takes %s of a listener for %s", (code, expected) => {
  expect(toReadError(firestoreError(code)).code).toBe(expected);
});
