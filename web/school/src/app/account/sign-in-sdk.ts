import { type FirebaseApp, initializeApp } from "firebase/app";
import {
  browserLocalPersistence,
  connectAuthEmulator,
  indexedDBLocalPersistence,
  initializeAuth,
  onAuthStateChanged,
  signInWithEmailAndPassword,
  signOut,
  type User,
} from "firebase/auth";

import type { AppConfig } from "../config";

export type Role = "teacher" | "student" | "admin";

export interface Person {
  readonly uid: string;
  readonly email: string;
  readonly name: string;
  readonly role: Role;
}

/** Firebase Authentication. It is large, so it is a chunk of its own that is loaded beside the app. */
export class SignIn {
  readonly app: FirebaseApp;
  readonly #auth;

  constructor(config: AppConfig) {
    this.app = initializeApp(config.firebase);
    this.#auth = initializeAuth(this.app, { persistence: [indexedDBLocalPersistence, browserLocalPersistence] });
    if (config.testBed !== undefined)
      connectAuthEmulator(this.#auth, config.testBed.authUrl, { disableWarnings: true });
  }

  /** Call the listener with the signed-in user, now and at each change. */
  watch(listener: (person: Person | null) => void): void {
    onAuthStateChanged(this.#auth, (user) => {
      if (user === null) return listener(null);
      // Ignore a user who has signed out meanwhile.
      const tell = (person: Person | null) => {
        if (this.#auth.currentUser?.uid === user.uid) listener(person);
      };
      void personOf(user).then(tell, () => tell(null));
    });
  }

  async signIn(email: string, password: string): Promise<Person> {
    return personOf((await signInWithEmailAndPassword(this.#auth, email, password)).user);
  }

  signOut(): Promise<void> {
    return signOut(this.#auth);
  }
}

async function personOf(user: User): Promise<Person> {
  const { claims } = await user.getIdTokenResult();
  const role = claims["teacher"] === true ? "teacher" : claims["admin"] === true ? "admin" : "student";
  const email = user.email ?? "";
  return { uid: user.uid, email, name: user.displayName ?? email.split("@")[0] ?? "", role };
}
