export type { Clock } from "./clock";
export * from "./documents";
export * from "./errors";
export * from "./greenroom";
export { LiveAdmission } from "./playback/live-admission";
export type { PlaybackPhase } from "./playback/phases";
export {
  Playback,
  type PlaybackOptions,
  type PlaybackState,
  type PlaybackTarget,
  type Quality,
} from "./playback/playback";
export { preloadPlayer } from "./playback/preload";
export type * from "./schema/error-codes";
export type * from "./schema/types";
export {
  type ConverseContext,
  type ConverseMessage,
  type ConversePlugin,
  converseSlidesPlugin,
} from "./slides/converse-slides-plugin";
export { type RecordedPlayback, RecordedSlides } from "./slides/recorded-slides";
export type { SlidesProgress, SlidesUploadOptions } from "./slides/resumable-upload";
export type * from "./slides/shared-media";
export type { Sharing } from "./slides/sharing";
export type { SharingEvent, SharingMessage } from "./slides/sharing-message";
export type { SlideMedia, CurrentSlide } from "./slides/current-slide";
export type { SlidesGrant } from "./slides/slides-api";
export type {
  MediaDocument,
  SessionIdentity,
  SharingSession,
  SlidesDocuments,
  SlidesProblem,
  SlidesUploadState,
} from "./slides/slides-documents";
export { type FollowOptions, SlidesFollower, type SlidesOptions } from "./slides/slides-follower";
export { SlidesPresenter } from "./slides/slides-presenter";
export { pageAt, type ShownPage, type TimelineEntry } from "./slides/timeline";
export { XmppSlides, type XmppState } from "./slides/xmpp-slides";
export type { Readable } from "./store";
export { ARABIC } from "./texts/arabic";
export { ENGLISH } from "./texts/english";
export * from "./texts/texts";
export { toGreenroomError } from "./to-greenroom-error";
export * from "./uploads";
export { videosInOrder } from "./videos-in-order";
