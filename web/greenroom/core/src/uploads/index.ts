export * from "./types";
export * from "./uploads";
