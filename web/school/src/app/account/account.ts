import { inject, Injectable, signal } from "@angular/core";
import type { FirebaseApp } from "firebase/app";

import { APP_CONFIG } from "../config";
import type { Person, SignIn } from "./sign-in-sdk";

/** The signed-in user. */
@Injectable({ providedIn: "root" })
export class Account {
  readonly #config = inject(APP_CONFIG);
  readonly #sdk: Promise<SignIn>;
  readonly #person = signal<Person | null | undefined>(undefined);
  #app: FirebaseApp | undefined;

  /** `null` if nobody is signed in; `undefined` until that is known. */
  readonly person = this.#person.asReadonly();

  /** Resolves once it is known who is signed in. */
  readonly known: Promise<void>;

  constructor() {
    this.#sdk = import("./sign-in-sdk").then(({ SignIn }) => {
      const sdk = new SignIn(this.#config);
      this.#app = sdk.app;
      return sdk;
    });
    this.known = this.#sdk.then(
      (sdk) =>
        new Promise<void>((resolve) =>
          sdk.watch((person) => {
            const before = this.#person();
            this.#person.set(person);
            resolve();
            // They signed out, perhaps in another tab: reload the app, so that no page keeps their data.
            if (before != null && before.uid !== person?.uid) location.assign("/sign-in");
          }),
        ),
    );
  }

  /** The Firebase app. Throws before `known` has resolved. */
  get app(): FirebaseApp {
    if (this.#app === undefined) throw new Error("Firebase is not loaded yet.");
    return this.#app;
  }

  async signIn(email: string, password: string): Promise<void> {
    this.#person.set(await (await this.#sdk).signIn(email, password));
  }

  /** Sign out in all tabs. */
  async signOut(): Promise<void> {
    await (await this.#sdk).signOut();
  }
}
