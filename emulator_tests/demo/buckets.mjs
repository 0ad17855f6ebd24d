// The buckets of Cloud Storage, which no user can read: the chapters look into them to check what they tell.

import { DEADLINE_MS, DemoError, environment } from "./app.mjs";

/** Return the names of all objects in a bucket. */
export async function objectsInBucket(bucket) {
  const list = `${environment.STORAGE_EMULATOR_HOST}/storage/v1/b/${bucket}/o`;
  return ((await (await fetch(list)).json()).items ?? []).map((object) => object.name);
}

/** Wait until a bucket is empty. A bucket has no listeners, so this polls. */
export async function untilBucketIsEmpty(bucket) {
  for (const deadline = performance.now() + DEADLINE_MS; performance.now() < deadline;) {
    if ((await objectsInBucket(bucket)).length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new DemoError(`the bucket ${bucket} has objects after ${DEADLINE_MS / 1000} s`);
}
