import { computed, DestroyRef, effect, inject, Injectable, type Signal, signal, untracked } from "@angular/core";
import { GREENROOM, injectOwnEnrolments } from "greenroom/angular";
import { type Session, watchSession, type WithId } from "greenroom/core";

import { Account } from "../account/account";

/** How often a session that was hidden is looked for again: a listener that was refused is told nothing more. */
const LOOK_AGAIN_MS = 30_000;

/** The sessions in which a student is enrolled. */
@Injectable()
export class EnrolledSessions {
  readonly #greenroom = inject(GREENROOM);
  readonly #account = inject(Account);
  readonly #sessions = signal<ReadonlyMap<string, WithId<Session> | "hidden">>(new Map());
  readonly #looks = signal(0);
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
    effect((onCleanup) => {
      this.#looks();
      const stops = (this.#ids() ?? []).map((id) =>
        watchSession(this.#greenroom, id, {
          next: (session) => this.#set(id, session ?? "hidden"),
          error: () => this.#set(id, "hidden"),
        }),
      );
      untracked(() => this.#keepOnly(this.#ids() ?? []));
      onCleanup(() => stops.forEach((stop) => stop()));
    });
    const timer = setInterval(() => {
      if (this.hiddenCount() > 0 && document.visibilityState === "visible") this.#looks.update((n) => n + 1);
    }, LOOK_AGAIN_MS);
    inject(DestroyRef).onDestroy(() => clearInterval(timer));
  }

  #set(id: string, session: WithId<Session> | "hidden"): void {
    this.#sessions.update((sessions) => new Map(sessions).set(id, session));
  }

  #keepOnly(ids: readonly string[]): void {
    this.#sessions.update((sessions) => new Map([...sessions].filter(([id]) => ids.includes(id))));
  }
}
