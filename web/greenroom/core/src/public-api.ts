export * from "./documents";
export * from "./errors";
export * from "./greenroom";
export type * from "./schema/error-codes";
export type * from "./schema/types";
export type { Readable } from "./store";
export * from "./uploads";
