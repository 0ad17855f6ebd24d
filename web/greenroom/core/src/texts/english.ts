import { formatsOf, numbersOf, pluralsOf } from "./format";
import type { Texts } from "./texts";

const LOCALE = "en";
const format = formatsOf(LOCALE);
const number = numbersOf(LOCALE);
const plural = pluralsOf(LOCALE);

const NOT_FOR_YOU = "This does not exist, or you may not see it. Ask the teacher of the session.";
const APP_IS_WRONG = "This page sent something that the server does not understand. Reload the page.";
const OPERATOR_ONLY = "This is for the operator of the service. Tell your administrator.";

const uploadStates: Texts["uploads"]["states"] = {
  queued: "Waiting for its turn",
  preparing: "Preparing",
  sending: "Uploading",
  paused: "Paused",
  waiting: "Waiting for the connection",
  needsFile: "Choose the file again",
  elsewhere: "In another tab",
  sent: "Uploaded",
  failed: "Failed",
};

const videoStates: Texts["videos"]["states"] = {
  requested: "Requested",
  preparing: "Preparing",
  uploading: "Uploading",
  processing: "Processing",
  retrying: "Trying again",
  ready: "Ready",
  failed: "Failed",
};

/** All texts in English. */
export const ENGLISH: Texts = {
  locale: LOCALE,
  direction: "ltr",
  format,

  errors: {
    UNREACHABLE: "The server does not answer. Check your connection.",
    DOCUMENT_NOT_READABLE: NOT_FOR_YOU,
    WRITE_REFUSED: "You may not change this.",
    NOT_ADMITTED: "You are not in the live event, so its slides cannot be used. Enter it first.",
    UNKNOWN: "Something went wrong. Reload the page and try again.",

    FOLDER: "This is a folder. Open it, and choose the files in it.",
    FILE_UNREADABLE: "This file cannot be read. Check that it is still there and that no other program has locked it.",
    FILE_EMPTY: "This file is empty. Choose another file.",
    FILE_TOO_LARGE: "This file is too large. Choose a smaller one, or export it with a lower quality.",
    FILE_TYPE_NOT_SUPPORTED: "Files of this type cannot be uploaded. Choose another file, or convert this one.",
    FILE_NAME_INVALID: "This file name is too long or has characters that are not allowed. Rename the file.",
    FILE_ADDED_ALREADY: "This file is already in the list.",
    FILE_IS_SHORTCUT: "This is a shortcut. Choose the file that it points to.",
    FILE_NEEDED: "The page was reloaded. Choose the same file again to resume the upload.",
    FILE_CHANGED: "This is not the file whose upload began, or it has changed since. Choose the original file.",
    SENT_BY_ANOTHER_TAB: "This file is in the list of another tab of your browser. Continue there, or close that tab.",

    VIDEO_NOT_DELIVERED: "The video cannot be loaded at the moment. Try again in a few minutes.",
    FORMAT_NOT_SUPPORTED: "Your browser cannot play this video. Use a current browser.",

    SIGN_IN_REQUIRED: "You are not signed in. Sign in first.",
    SIGN_IN_INVALID: "Your sign-in has expired. Sign in again.",
    SIGN_IN_ENDED: "You were signed out, or your account was disabled. Sign in again.",
    SIGN_IN_NOT_RECENT: "This needs a sign-in within the last few minutes. Sign in again, then repeat the action.",
    SIGN_IN_UNCHECKED: "Your sign-in could not be checked just now. Try again.",
    APP_CHECK_FAILED: "The server does not recognise this app. Reload the page in a current browser.",
    ACCOUNT_ID_UNUSABLE: "Your account cannot be used here. Sign in with another account.",
    ADMIN_ONLY: "Only administrators can do this.",
    TEACHER_ONLY: "Only teachers can do this. If you are one, sign out and in again, or ask your administrator.",
    INSTRUCTOR_ONLY: "Only the owner and the moderators of the session can do this.",
    ANONYMOUS_NOT_ADMITTED: "You need an account to enter live events. Sign in.",

    SESSION_NOT_FOUND: NOT_FOR_YOU,
    VIDEO_NOT_FOUND: NOT_FOR_YOU,
    MEDIA_NOT_FOUND: "This document was deleted.",
    ERASURE_NOT_FOUND: "There is no such erasure, or somebody else requested it.",
    DELETION_NOT_FOUND: "There is no such deletion. It may be complete already.",
    ACCOUNT_NOT_FOUND: "There is no such account. Check the id.",

    TITLE_INVALID: "This title is empty, too long, or has characters that cannot be shown. Change it.",
    ORDER_INVALID: "The video cannot be moved there. Choose another place.",
    NOTHING_TO_CHANGE: "Nothing was changed.",
    PAGE_INVALID: "Enter the number of a page.",
    PAGE_NOT_FOUND: "The document has no such page.",
    USER_ID_UNUSABLE: "The video provider does not accept this user. Choose another account.",
    FIELDS_CONFLICT: APP_IS_WRONG,
    FIELD_INVALID: APP_IS_WRONG,
    FIELD_MISSING: APP_IS_WRONG,
    FIELD_UNKNOWN: APP_IS_WRONG,
    BODY_NOT_JSON: APP_IS_WRONG,
    BODY_TOO_LARGE: "The request is too large. Send less at once.",
    CONTENT_TYPE_NOT_JSON: APP_IS_WRONG,
    DATA_NOT_AN_OBJECT: APP_IS_WRONG,
    ENVELOPE_INVALID: APP_IS_WRONG,
    LENGTH_REQUIRED: APP_IS_WRONG,
    METHOD_NOT_ALLOWED: APP_IS_WRONG,
    REQUEST_ID_USED: "This upload conflicts with an earlier one. Add the file again.",

    SESSION_NOT_OPEN_YET: "The live event is not open yet. You will enter automatically when it opens.",
    SESSION_OVER: "The live event is over.",
    EVENT_NOT_READY: "The live event is being prepared. Wait a moment.",
    EVENT_FAILED: "The live event could not be created. The teacher can see why in the session.",
    NO_LIVE_EVENT: "This session has no live event.",
    LIVE_EVENTS_NOT_OFFERED: "Live events are not offered here. Tell your administrator.",
    NO_PLAYER_KEY: "The provider's own player cannot be used for this video. Use the player of this page.",
    SESSION_BUSY: "The session is being changed. Try again in a minute.",
    SESSION_OWNED_ALREADY: "The session already belongs to this teacher.",
    NEW_OWNER_UNABLE: "The new owner must be a teacher with an enabled account.",
    OWNER_MODERATES: "The owner of a session always moderates it.",
    MODERATORS_TOO_MANY: "The session has the maximum number of moderators. Remove one first.",

    VIDEO_NOT_READY: "The video is being processed. It starts automatically when it is ready.",
    VIDEO_FAILED: "The upload of this video has failed. The teacher can see why in the session.",
    VIDEO_DELETED: "This video was deleted.",
    VIDEO_NOT_PLAYABLE: "The video cannot be delivered at the moment. Try again in a few minutes.",
    NOTHING_FAILED: "This video has not failed, so there is nothing to retry.",
    RETRY_USELESS: "Another try would fail too. Upload another file.",

    UPLOAD_NOT_READY: "The video provider is not ready for this upload yet. The app tries again automatically.",
    UPLOAD_CANCELLED: "This upload was cancelled. Add the file again to upload it.",
    UPLOAD_COMPLETE: "The whole file has already arrived.",
    UPLOAD_EXPIRED: "The time for this upload is over. Add the file again.",
    UPLOAD_FAILED: "This upload has failed. Add the file again.",
    UPLOAD_REPLACED: "A later upload of the same video has replaced this one.",
    UPLOAD_TIME_TOO_SHORT: "There is not enough time left for the rest of the file. Add the file again.",
    UPLOAD_REQUESTS_TOO_MANY: "This upload was interrupted too often. Add the file again.",
    UPLOAD_TOKENS_TOO_MANY: "You have started many uploads within a minute. The app tries again automatically.",
    UPLOADS_OPEN_TOO_MANY: "You have the maximum number of unfinished uploads. Finish or cancel one first.",
    QUOTA_USED_UP: "Your videos have reached the allowed number or size. Delete a video first.",
    PROVIDER_NOT_AVAILABLE: "The video provider of this session is not set up. Choose another one in the session.",
    PROVIDER_UNAVAILABLE: "The video provider does not answer at the moment. The app tries again automatically.",
    PROVIDER_REFUSED: "The video provider refused this request. Tell your administrator.",

    ALREADY_SHARING: "The session already shows a document. Stop showing it first.",
    NOTHING_SHARED: "This document is not being shown. Show it first.",
    MEDIA_ACTIVE: "This document is being shown. Stop showing it, then delete it.",
    MEDIA_NOT_READY: "This document is still being converted. Wait until it is ready.",
    MEDIA_TOO_MANY: "You have the maximum number of documents. Delete one first.",

    CALLS_TOO_MANY: "You did this too often in a short time. Wait a minute, then try again.",
    CONFLICT: "Somebody else changed the same thing at the same time. Try again.",
    PAUSED: "The operator has paused the service. Try again later.",
    INTERNAL: "Something went wrong on the server. Try again. If it happens again, tell your administrator.",
    NOT_SET_UP: "The service is not set up completely. Tell your administrator.",

    ARCHIVE_STATE: OPERATOR_ONLY,
    CLAIMS_TOO_LONG: OPERATOR_ONLY,
    DELETION_NOT_GIVEN_UP: "This deletion is still in progress. There is nothing to do.",
    NOTIFICATIONS_NOT_OFFERED: OPERATOR_ONLY,
    NOTIFICATION_NOT_SIGNED: OPERATOR_ONLY,
    NOTIFICATION_UNREADABLE: OPERATOR_ONLY,
    OPTION_INVALID: OPERATOR_ONLY,
    ORPHAN_BUSY: OPERATOR_ONLY,
    ORPHAN_NOT_ADOPTABLE: OPERATOR_ONLY,
    PRIVILEGE_INVALID: OPERATOR_ONLY,
    TASK_CALLER_REFUSED: OPERATOR_ONLY,
    TASK_KEY_INVALID: OPERATOR_ONLY,
    WEBHOOK_TAKEN: OPERATOR_ONLY,
  },

  failures: {
    UPLOAD_NOT_FINISHED: "The upload was not finished in time. Upload the file again.",
    PROCESSING_TOO_LONG: "Processing took too long. Try again.",
    NOT_AS_DECLARED: "The file that arrived is not the one that was announced. Upload the file again.",
    TOO_LARGE: "The file is larger than allowed. Upload a smaller one.",
    TOO_LONG: "The video is longer than allowed. Upload it in parts.",
    TYPE_NOT_SUPPORTED: "The file is of a type that is not allowed. Convert it, and upload it again.",
    NOT_A_VIDEO: "The file has no picture. Upload a video.",
    NOT_RECOGNIZED: "The provider does not recognise this file as a video. Convert it, and upload it again.",
    REFUSED_BY_PROVIDER: "The provider could not read the file. Convert it, and upload it again.",
    REJECTED_BY_MODERATOR: "A moderator at the provider rejected the video.",
    VANISHED: "Somebody deleted the video at the provider. Upload it again.",
    PLAYS_NO_MORE: "The video does not play at the moment. It may come back; otherwise upload it again.",
  },

  slidesProblems: {
    ENCRYPTED: "The document needs a password. Save it without one, and upload it again.",
    EMPTY: "The document has no pages. Choose another one.",
    BROKEN: "The document cannot be read. Open it, save it again, and upload it again.",
    TYPE_MISMATCH: "The document's type does not match its name. Correct the file extension, and upload it again.",
    UNSUPPORTED: "Documents of this kind cannot be converted. Save it as PDF, and upload that.",
    TOO_MANY_PAGES: "The document has too many pages. Upload it in parts.",
    TOO_LARGE: "The document is too large. Make its pictures smaller, or upload it in parts.",
    TOO_SLOW: "Converting the document takes too long. Save it as PDF, and upload that.",
    TOO_MUCH_MEMORY: "The document is too complex to convert. Save it as PDF, and upload that.",
    UPLOAD_MISSING: "The document did not arrive. Upload it again.",
    OTHER_FILE: "The file that arrived is not the one that was announced. Upload the document again.",
    CONVERSION_FAILED: "The document could not be converted. Save it as PDF, and upload that.",
  },

  uploads: {
    list: "Uploads",
    states: uploadStates,
    pause: "Pause",
    resume: "Resume",
    cancel: "Cancel",
    retry: "Try again",
    dismiss: "Remove from the list",
    chooseAgain: "Choose the file",
    pauseAll: "Pause all",
    resumeAll: "Resume all",
    retryAll: "Try all again",
    pauseFile: (fileName) => `Pause the upload of ${fileName}`,
    resumeFile: (fileName) => `Resume the upload of ${fileName}`,
    cancelFile: (fileName) => `Cancel the upload of ${fileName}`,
    retryFile: (fileName) => `Try to upload ${fileName} again`,
    dismissFile: (fileName) => `Remove ${fileName} from the list`,
    chooseFileAgain: (fileName) => `Choose the file ${fileName} again`,
    progressOf: (fileName) => `Upload of ${fileName}`,
    sentOf: (sentBytes, sizeBytes) => `${format.size(sentBytes)} of ${format.size(sizeBytes)}`,
    timeLeft: (seconds) => `${format.duration(seconds)} left`,
    nextTry: (at) => `Next try at ${format.time(at)}`,
    offline: "You are offline. Uploads resume automatically when the connection is back.",
    tooSlow: (until) =>
      `Your connection is too slow to upload the rest by ${format.dateTime(until)}. ` +
      "Use a faster connection, or pause other uploads.",
    summary: ({ sent, failed, all }) => {
      const done = plural(all, {
        one: `${number(sent)} of # file uploaded`,
        other: `${number(sent)} of # files uploaded`,
      });
      return failed === 0 ? done : `${done}, ${number(failed)} failed`;
    },
    refused: (fileName, error) => `${fileName}: ${ENGLISH.errors[error.code]}`,
    announceSent: (fileName) => `${fileName} has been uploaded`,
    announceFailed: (fileName) => `The upload of ${fileName} has failed`,
  },

  videos: {
    states: videoStates,
    stages: {
      awaitingBytes: "Waiting for the file",
      receiving: "Receiving the file",
      queued: "In the queue",
      converting: "Converting",
    },
    progress: (state, stage, percent) => {
      const label = stage === null ? videoStates[state] : ENGLISH.videos.stages[stage];
      return percent > 0 && percent < 100 ? `${label}, ${format.percent(percent / 100)}` : label;
    },
    replacement: "New file",
    archive: {
      initial: "In use",
      archived: "Archived",
      place_holder: "In the archive",
      restoring: "Being restored from the archive",
    },
    archivesAt: (at) => `Will be archived on ${format.dateTime(at)}, unless somebody watches it`,
    availableAt: (at) => `Expected back ${format.dateTime(at)}`,
    kept: "Kept out of the archive",
  },

  player: {
    label: "Video",
    phases: {
      loading: "Loading",
      ready: "Ready to play",
      playing: "Playing",
      notYet: "Not live yet",
      over: "The live event is over",
      ended: "The end",
      refused: "You may not watch this",
      processing: "The video is being processed",
      restoring: "The video is being restored from the archive",
      failed: "The video cannot be played",
      reconnecting: "Reconnecting",
    },
    opensAt: (at) => `Starts ${format.dateTime(at)}`,
    broadcast: { offline: "Not live", live: "Live", ended: "Ended" },
    live: "Live",
    tryAgain: "Try again",
    quality: "Quality",
    automaticQuality: "Automatic",
    qualityOf: (height) => `${height}p`,
  },

  slides: {
    label: "Slides",
    pageOf: (page, pageCount, title) =>
      `Page ${number(page)} of ${number(pageCount)}${title === null ? "" : ` of “${title}”`}`,
    position: (page, pageCount) => `${number(page)} / ${number(pageCount)}`,
    nothingShown: "No document is being shown",
    gap: "This document was deleted",
    loading: "Loading the page",
    states: { pending: "Waiting for the document", processing: "Converting", ready: "Ready", error: "Failed" },
    pagesReady: (ready, pageCount) =>
      plural(pageCount, { one: `${number(ready)} of # page is ready`, other: `${number(ready)} of # pages are ready` }),
    untitled: "Untitled document",
    add: "Add a document",
    rename: "Rename",
    download: "Download the document",
    zoom: "Enlarge",
    fullscreen: "Full screen",
    uploading: (percent) => `Uploading, ${format.percent(percent / 100)}`,
    warning: (message) => message,
  },
};
