import { describe, expect, it } from "vitest";

import { type Sharing, SharingState } from "./sharing";
import type { SharingMessage } from "./sharing-message";

const MEDIA = { id: "m", title: null, pageCount: 9 };
const truth = (revision: number): Sharing => ({ mediaId: "m", page: revision, revision });
const message = (revision: number): SharingMessage => ({
  event: "navigate_sharing",
  media: MEDIA,
  page: revision,
  revision,
});

type Step = { readonly from: "firestore" | "chat"; readonly revision: number };

/** Return all orders of some things. */
function ordersOf<T>(things: readonly T[]): T[][] {
  if (things.length === 0) return [[]];
  return things.flatMap((thing, index) => {
    const others = [...things.slice(0, index), ...things.slice(index + 1)];
    return ordersOf(others).map((order) => [thing, ...order]);
  });
}

/** Return all ways in which Firestore can tell changes: in their order, with some left out, and the last one told. */
function tellingsOf(revisions: readonly number[]): number[][] {
  const [first, ...others] = revisions;
  if (first === undefined) return [[]];
  const rest = tellingsOf(others);
  return others.length === 0 ? [[first]] : [...rest.map((told) => [first, ...told]), ...rest];
}

/** Return all ways to mix two lists without changing the order within one. */
function mixesOf<T>(one: readonly T[], other: readonly T[]): T[][] {
  const [first, ...others] = one;
  const [otherFirst, ...otherOthers] = other;
  if (first === undefined) return [[...other]];
  if (otherFirst === undefined) return [[...one]];
  return [
    ...mixesOf(others, other).map((mix) => [first, ...mix]),
    ...mixesOf(one, otherOthers).map((mix) => [otherFirst, ...mix]),
  ];
}

describe("SharingState", () => {
  it("never goes back, in any order of messages, and ends with Firestore's state", () => {
    const revisions = [1, 2, 3];
    let orders = 0;
    for (const told of tellingsOf(revisions)) {
      // The room may tell changes in any order, twice, or not at all.
      for (const heard of [...ordersOf(revisions), ...ordersOf([2, 3, 3]), ...ordersOf([1, 2, 2]), [3], [1], []]) {
        const fromFirestore = told.map((revision): Step => ({ from: "firestore", revision }));
        const fromChat = heard.map((revision): Step => ({ from: "chat", revision }));
        for (const steps of mixesOf(fromFirestore, fromChat)) {
          orders += 1;
          const state = new SharingState();
          let newest = 0;
          for (const { from, revision } of steps) {
            if (from === "firestore") state.confirm(truth(revision));
            else state.receive(message(revision));
            newest = Math.max(newest, revision);
            expect(state.value, JSON.stringify(steps)).toEqual(truth(newest));
          }
          expect(state.value, JSON.stringify(steps)).toEqual(truth(3));
        }
      }
    }
    expect(orders).toBe(820);
  });

  it("follows Firestore if it goes back, as after a restored backup", () => {
    const state = new SharingState();
    state.confirm(truth(7));
    state.receive(message(7));
    state.confirm(truth(3));
    expect(state.value).toEqual(truth(3));
  });

  it("ignores a message that contradicts Firestore at the same revision", () => {
    const state = new SharingState();
    state.confirm(truth(2));
    state.receive({ ...message(2), page: 9 });
    expect(state.value).toEqual(truth(2));
  });

  it("resets when another session has the id", () => {
    const state = new SharingState();
    state.receive(message(5));
    state.reset();
    state.confirm(truth(1));
    expect(state.value).toEqual(truth(1));
  });
});
