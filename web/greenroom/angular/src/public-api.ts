export * from "./components/player";
export * from "./components/slide-view";
export * from "./components/upload-list";
export * from "./error-text";
export * from "./from-readable";
export * from "./provide-greenroom";
export { GREENROOM, GREENROOM_TEXTS, type ProvideGreenroomOptions } from "./tokens";
export { injectUploads, injectUploadsSummary } from "./uploads";
export * from "./watched";
