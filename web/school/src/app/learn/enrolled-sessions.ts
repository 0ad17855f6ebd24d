import { computed, DestroyRef, effect, inject, Injectable, type Signal, signal, untracked } from "@angular/core";
import { GREENROOM, injectOwnEnrolments } from "greenroom/angular";
import { type Session, watchSession, type WithId } from "greenroom/core";

import { Account } from "../account/account";

/** How often a hidden session is tried again: Firestore never calls a refused listener again. */
const LOOK_AGAIN_MS = 30_000;

/** The sessions in which a student is enrolled. */
@Injectable()
export class EnrolledSessions {
  readonly #greenroom = inject(GREENROOM);
  readonly #account = inject(Account);
  readonly #sessions = signal<ReadonlyMap<string, WithId<Session> | "hidden">>(new Map());
  readonly #stops = new Map<string, () => void>();
  readonly enrolments = injectOwnEnrolments(() => this.#account.person()?.uid ?? "");

  readonly #ids = computed(
    () =>
      this.enrolments
        .value()
        ?.map(({ sessionId }) => sessionId)
        .sort(),
    { equal: (a, b) => a?.join() === b?.join() },
  );

  readonly isLoading: Signal<boolean> = computed(
    () => this.enrolments.isLoading() || (this.#ids() ?? []).some((id) => !this.#sessions().has(id)),
  );
  readonly visible = computed(() => [...this.#sessions().values()].filter((session) => session !== "hidden"));
  readonly hiddenCount = computed(
    () => [...this.#sessions().values()].filter((session) => session === "hidden").length,
  );

  constructor() {
    effect(() => {
      const ids = this.#ids() ?? [];
      untracked(() => this.#watchOnly(ids));
    });
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") this.#watchHidden();
    }, LOOK_AGAIN_MS);
    inject(DestroyRef).onDestroy(() => {
      clearInterval(timer);
      this.#watchOnly([]);
    });
  }

  #watchOnly(ids: readonly string[]): void {
    for (const [id, stop] of this.#stops) {
      if (ids.includes(id)) continue;
      stop();
      this.#stops.delete(id);
    }
    this.#keepOnly(ids);
    for (const id of ids) if (!this.#stops.has(id)) this.#watch(id);
  }

  #watchHidden(): void {
    for (const [id, session] of this.#sessions()) {
      if (session !== "hidden") continue;
      this.#stops.get(id)?.();
      this.#watch(id);
    }
  }

  #watch(id: string): void {
    const stop = watchSession(this.#greenroom, id, {
      next: (session) => this.#set(id, session ?? "hidden"),
      error: () => this.#set(id, "hidden"),
    });
    this.#stops.set(id, stop);
  }

  #set(id: string, session: WithId<Session> | "hidden"): void {
    this.#sessions.update((sessions) => new Map(sessions).set(id, session));
  }

  #keepOnly(ids: readonly string[]): void {
    this.#sessions.update((sessions) => new Map([...sessions].filter(([id]) => ids.includes(id))));
  }
}
