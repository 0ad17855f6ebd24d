import type { ErrorCode, GreenroomError } from "../errors";
import type { PlaybackPhase } from "../playback/phases";
import type { BroadcastState, Stage, VideoOfSession } from "../schema/types";
import type { SlidesProblem, SlidesUploadState } from "../slides/slides-documents";
import type { UploadState } from "../uploads/types";

/** Why a video failed, if Greenroom found it: `failure.code` of a video. A provider has codes of its own. */
export type VideoFailureCode =
  | "UPLOAD_NOT_FINISHED"
  | "PROCESSING_TOO_LONG"
  | "NOT_AS_DECLARED"
  | "TOO_LARGE"
  | "TOO_LONG"
  | "TYPE_NOT_SUPPORTED"
  | "NOT_A_VIDEO"
  | "NOT_RECOGNIZED"
  | "REFUSED_BY_PROVIDER"
  | "REJECTED_BY_MODERATOR"
  | "VANISHED"
  | "PLAYS_NO_MORE";

/** The numbers of uploads, for one sentence about all of them. */
export interface UploadCounts {
  readonly sent: number;
  readonly failed: number;
  readonly all: number;
}

/** Every text that this library and its components show, in one language. */
export interface Texts {
  /** A BCP 47 tag, for `lang` and for `Intl`. */
  readonly locale: string;
  readonly direction: "ltr" | "rtl";

  /** Amounts and times, as people of this language write them. */
  readonly format: {
    percent(fraction: number): string;
    /** In bytes, kB, MB or GB, by powers of ten. */
    size(bytes: number): string;
    /** Bytes in a second. */
    rate(bytesPerSecond: number): string;
    /** A length of time, in its two largest units, such as "2 hours 5 minutes". */
    duration(seconds: number): string;
    /** A day and a time of day. */
    dateTime(instant: Date): string;
    /** A time of day. */
    time(instant: Date): string;
  };

  /** A sentence that a person can act on, by the code of an error. */
  readonly errors: Readonly<Record<ErrorCode, string>>;
  /** Why a video failed. */
  readonly failures: Readonly<Record<VideoFailureCode, string>>;
  /** Why a document cannot be shown. */
  readonly slidesProblems: Readonly<Record<SlidesProblem, string>>;

  readonly uploads: {
    /** The name of the list. */
    readonly list: string;
    readonly states: Readonly<Record<UploadState, string>>;
    readonly pause: string;
    readonly resume: string;
    readonly cancel: string;
    readonly retry: string;
    readonly dismiss: string;
    readonly chooseAgain: string;
    readonly pauseAll: string;
    readonly resumeAll: string;
    readonly retryAll: string;
    /** The names of the buttons for assistive technology: there is one of each for every file. */
    pauseFile(fileName: string): string;
    resumeFile(fileName: string): string;
    cancelFile(fileName: string): string;
    retryFile(fileName: string): string;
    dismissFile(fileName: string): string;
    chooseFileAgain(fileName: string): string;
    /** The name of a progress bar. */
    progressOf(fileName: string): string;
    /** "3 MB of 10 MB". */
    sentOf(sentBytes: number, sizeBytes: number): string;
    /** "2 minutes left". */
    timeLeft(seconds: number): string;
    /** "Next try at 10:31". */
    nextTry(at: Date): string;
    readonly offline: string;
    /** A warning: the connection is too slow to send the rest in time. */
    tooSlow(until: Date): string;
    /** One sentence about all. */
    summary(counts: UploadCounts): string;
    /** A file that was not added, and why. */
    refused(fileName: string, error: GreenroomError): string;
    /** For a screen reader, once a file is sent. */
    announceSent(fileName: string): string;
    announceFailed(fileName: string): string;
  };

  readonly videos: {
    readonly states: Readonly<Record<VideoOfSession["state"], string>>;
    readonly stages: Readonly<Record<Stage, string>>;
    /** The state with its percentage, such as "Processing, 40 %". */
    progress(state: VideoOfSession["state"], stage: Stage | null, percent: number): string;
    readonly replacement: string;
    readonly archive: Readonly<Record<"initial" | "archived" | "place_holder" | "restoring", string>>;
    archivesAt(at: Date): string;
    availableAt(at: Date): string;
    readonly kept: string;
  };

  readonly player: {
    /** The name of the player for assistive technology, unless it has another. */
    readonly label: string;
    readonly phases: Readonly<Record<PlaybackPhase, string>>;
    /** When a live event begins. */
    opensAt(at: Date): string;
    readonly broadcast: Readonly<Record<BroadcastState, string>>;
    readonly live: string;
    readonly tryAgain: string;
    readonly quality: string;
    readonly automaticQuality: string;
    qualityOf(height: number): string;
  };

  readonly slides: {
    /** The name of the view for assistive technology. */
    readonly label: string;
    /** The alternative text of a page. */
    pageOf(page: number, pageCount: number, title: string | null): string;
    /** "3 / 12". */
    position(page: number, pageCount: number): string;
    readonly nothingShown: string;
    /** The document was deleted since. */
    readonly gap: string;
    readonly loading: string;
    readonly states: Readonly<Record<SlidesUploadState, string>>;
    /** "4 of 12 pages are ready". */
    pagesReady(ready: number, pageCount: number): string;
    readonly untitled: string;
    readonly add: string;
    readonly rename: string;
    readonly download: string;
    readonly zoom: string;
    readonly fullscreen: string;
    uploading(percent: number): string;
    /** A warning of the converter, translated from its sentence in English. */
    warning(message: string): string;
  };
}

/** Return the sentence for an error in this language. */
export function errorText(texts: Texts, error: GreenroomError): string {
  return texts.errors[error.code] ?? texts.errors.UNKNOWN;
}
