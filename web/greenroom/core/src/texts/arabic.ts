import { formatsOf, numbersOf, pluralsOf } from "./format";
import type { Texts } from "./texts";

const LOCALE = "ar";
const format = formatsOf(LOCALE);
const number = numbersOf(LOCALE);
const plural = pluralsOf(LOCALE);

/** A name that may be of the other direction, kept apart from the sentence around it. */
const isolated = (name: string) => `\u2068${name}\u2069`;

const NOT_FOR_YOU = "هذا غير موجود، أو لا يُسمح لك برؤيته. اسأل معلّم الجلسة.";
const APP_IS_WRONG = "أرسلت هذه الصفحة شيئًا لا يفهمه الخادم. أعد تحميل الصفحة.";
const OPERATOR_ONLY = "هذا يخصّ مشغّل الخدمة. أخبر المسؤول.";

const uploadStates: Texts["uploads"]["states"] = {
  queued: "في انتظار الدور",
  preparing: "قيد التحضير",
  sending: "قيد الرفع",
  paused: "متوقف مؤقتًا",
  waiting: "في انتظار الاتصال",
  needsFile: "اختر الملف مرة أخرى",
  elsewhere: "في علامة تبويب أخرى",
  sent: "تم الرفع",
  failed: "فشل",
};

const videoStates: Texts["videos"]["states"] = {
  requested: "مطلوب",
  preparing: "قيد التحضير",
  uploading: "قيد الرفع",
  processing: "قيد المعالجة",
  retrying: "تُعاد المحاولة",
  ready: "جاهز",
  failed: "فشل",
};

const stages: Texts["videos"]["stages"] = {
  awaitingBytes: "في انتظار الملف",
  receiving: "يجري استلام الملف",
  queued: "في قائمة الانتظار",
  converting: "قيد التحويل",
};

const errors: Texts["errors"] = {
  UNREACHABLE: "الخادم لا يستجيب. تحقّق من اتصالك.",
  DOCUMENT_NOT_READABLE: NOT_FOR_YOU,
  WRITE_REFUSED: "لا يُسمح لك بتغيير هذا.",
  NOT_ADMITTED: "لست في البث المباشر، لذا لا يمكن استخدام شرائحه. ادخل إليه أولًا.",
  UNKNOWN: "حدث خطأ ما. أعد تحميل الصفحة وحاول مرة أخرى.",

  FOLDER: "هذا مجلد. افتحه واختر الملفات التي فيه.",
  FILE_UNREADABLE: "لا يمكن قراءة هذا الملف. تأكّد من أنه ما زال موجودًا وأن برنامجًا آخر لا يمنع قراءته.",
  FILE_EMPTY: "هذا الملف فارغ. اختر ملفًا آخر.",
  FILE_TOO_LARGE: "هذا الملف كبير جدًا. اختر ملفًا أصغر، أو صدّره بجودة أقل.",
  FILE_TYPE_NOT_SUPPORTED: "لا يمكن رفع ملفات من هذا النوع. اختر ملفًا آخر، أو حوّل هذا الملف.",
  FILE_NAME_INVALID: "اسم هذا الملف طويل جدًا أو فيه رموز غير مسموح بها. غيّر اسم الملف.",
  FILE_ADDED_ALREADY: "هذا الملف موجود في القائمة.",
  FILE_IS_SHORTCUT: "هذا اختصار. اختر الملف الذي يقود إليه.",
  FILE_NEEDED: "أُعيد تحميل الصفحة. اختر الملف نفسه مرة أخرى ليستمر الرفع.",
  FILE_CHANGED: "ليس هذا هو الملف الذي بدأ رفعه، أو أنه تغيّر بعد ذلك. اختر الملف الأصلي.",
  SENT_BY_ANOTHER_TAB: "هذا الملف في قائمة علامة تبويب أخرى في متصفحك. تابع هناك، أو أغلق تلك العلامة.",

  VIDEO_NOT_DELIVERED: "لا يمكن تحميل الفيديو الآن. حاول مرة أخرى بعد بضع دقائق.",
  FORMAT_NOT_SUPPORTED: "لا يستطيع متصفحك تشغيل هذا الفيديو. استخدم متصفحًا حديثًا.",

  SIGN_IN_REQUIRED: "لم تسجّل الدخول. سجّل الدخول أولًا.",
  SIGN_IN_INVALID: "انتهت صلاحية تسجيل دخولك. سجّل الدخول مرة أخرى.",
  SIGN_IN_ENDED: "تم تسجيل خروجك، أو عُطّل حسابك. سجّل الدخول مرة أخرى.",
  SIGN_IN_NOT_RECENT: "يتطلّب هذا تسجيل دخول خلال الدقائق الأخيرة. سجّل الدخول مرة أخرى ثم كرّر العملية.",
  SIGN_IN_UNCHECKED: "تعذّر التحقق من تسجيل دخولك الآن. حاول مرة أخرى.",
  APP_CHECK_FAILED: "لا يتعرّف الخادم على هذا التطبيق. أعد تحميل الصفحة في متصفح حديث.",
  ACCOUNT_ID_UNUSABLE: "لا يمكن استخدام حسابك هنا. سجّل الدخول بحساب آخر.",
  ADMIN_ONLY: "هذا متاح للمسؤولين فقط.",
  TEACHER_ONLY: "هذا متاح للمعلّمين فقط. إن كنت معلّمًا فسجّل الخروج ثم الدخول، أو اسأل المسؤول.",
  INSTRUCTOR_ONLY: "هذا متاح لمالك الجلسة ومشرفيها فقط.",
  ANONYMOUS_NOT_ADMITTED: "يتطلّب دخول البث المباشر حسابًا. سجّل الدخول.",

  SESSION_NOT_FOUND: NOT_FOR_YOU,
  VIDEO_NOT_FOUND: NOT_FOR_YOU,
  MEDIA_NOT_FOUND: "حُذف هذا المستند.",
  ERASURE_NOT_FOUND: "لا توجد عملية محو كهذه، أو طلبها شخص آخر.",
  DELETION_NOT_FOUND: "لا توجد عملية حذف كهذه. ربما اكتملت.",
  ACCOUNT_NOT_FOUND: "لا يوجد حساب كهذا. تحقّق من المعرّف.",

  TITLE_INVALID: "هذا العنوان فارغ أو طويل جدًا أو فيه رموز لا يمكن عرضها. غيّره.",
  ORDER_INVALID: "لا يمكن نقل الفيديو إلى هناك. اختر موضعًا آخر.",
  NOTHING_TO_CHANGE: "لم يتغيّر شيء.",
  PAGE_INVALID: "أدخل رقم صفحة.",
  PAGE_NOT_FOUND: "لا توجد صفحة كهذه في المستند.",
  USER_ID_UNUSABLE: "لا يقبل مزوّد الفيديو هذا المستخدم. اختر حسابًا آخر.",
  FIELDS_CONFLICT: APP_IS_WRONG,
  FIELD_INVALID: APP_IS_WRONG,
  FIELD_MISSING: APP_IS_WRONG,
  FIELD_UNKNOWN: APP_IS_WRONG,
  BODY_NOT_JSON: APP_IS_WRONG,
  BODY_TOO_LARGE: "هذا كثير دفعة واحدة. أرسل أقل.",
  CONTENT_TYPE_NOT_JSON: APP_IS_WRONG,
  DATA_NOT_AN_OBJECT: APP_IS_WRONG,
  ENVELOPE_INVALID: APP_IS_WRONG,
  LENGTH_REQUIRED: APP_IS_WRONG,
  METHOD_NOT_ALLOWED: APP_IS_WRONG,
  REQUEST_ID_USED: "يتعارض هذا الرفع مع رفع سابق. أضف الملف مرة أخرى.",

  SESSION_NOT_OPEN_YET: "لم يُفتح البث المباشر بعد. ستدخل تلقائيًا عند فتحه.",
  SESSION_OVER: "انتهى البث المباشر.",
  EVENT_NOT_READY: "يجري تحضير البث المباشر. انتظر لحظة.",
  EVENT_FAILED: "تعذّر إنشاء البث المباشر. يرى المعلّم السبب في الجلسة.",
  NO_LIVE_EVENT: "ليس لهذه الجلسة بث مباشر.",
  LIVE_EVENTS_NOT_OFFERED: "البث المباشر غير متاح هنا. أخبر المسؤول.",
  NO_PLAYER_KEY: "لا يمكن استخدام مشغّل المزوّد لهذا الفيديو. استخدم مشغّل هذه الصفحة.",
  SESSION_BUSY: "يجري تغيير الجلسة. حاول مرة أخرى بعد دقيقة.",
  SESSION_OWNED_ALREADY: "الجلسة ملك لهذا المعلّم بالفعل.",
  NEW_OWNER_UNABLE: "يحتاج المالك الجديد إلى حساب معلّم مفعّل.",
  OWNER_MODERATES: "مالك الجلسة مشرف عليها دائمًا.",
  MODERATORS_TOO_MANY: "في الجلسة أكبر عدد مسموح به من المشرفين. أزل مشرفًا أولًا.",

  VIDEO_NOT_READY: "الفيديو قيد المعالجة. سيبدأ تلقائيًا عندما يجهز.",
  VIDEO_FAILED: "فشل رفع هذا الفيديو. يرى المعلّم السبب في الجلسة.",
  VIDEO_DELETED: "حُذف هذا الفيديو.",
  VIDEO_NOT_PLAYABLE: "لا يمكن بث الفيديو الآن. حاول مرة أخرى بعد بضع دقائق.",
  NOTHING_FAILED: "لم يفشل شيء في هذا الفيديو، فلا حاجة إلى إعادة المحاولة.",
  RETRY_USELESS: "ستفشل المحاولة مرة أخرى. ارفع ملفًا آخر.",

  UPLOAD_NOT_READY: "مزوّد الفيديو غير جاهز لهذا الرفع بعد. ستُعاد المحاولة تلقائيًا.",
  UPLOAD_CANCELLED: "أُلغي هذا الرفع. أضف الملف مرة أخرى لرفعه.",
  UPLOAD_COMPLETE: "وصل الملف كاملًا.",
  UPLOAD_EXPIRED: "انتهى وقت هذا الرفع. أضف الملف مرة أخرى.",
  UPLOAD_FAILED: "فشل هذا الرفع. أضف الملف مرة أخرى.",
  UPLOAD_REPLACED: "حلّ رفع أحدث للفيديو نفسه محل هذا الرفع.",
  UPLOAD_TIME_TOO_SHORT: "الوقت المتبقي لا يكفي لبقية الملف. أضف الملف مرة أخرى.",
  UPLOAD_REQUESTS_TOO_MANY: "انقطع هذا الرفع مرات كثيرة. أضف الملف مرة أخرى.",
  UPLOAD_TOKENS_TOO_MANY: "بدأت عمليات رفع كثيرة خلال دقيقة. ستُعاد المحاولة تلقائيًا.",
  UPLOADS_OPEN_TOO_MANY: "لديك أكبر عدد مسموح به من عمليات الرفع غير المكتملة. أكمل إحداها أو ألغِها أولًا.",
  QUOTA_USED_UP: "بلغت الحد المسموح به من مقاطع الفيديو أو من حجمها. احذف فيديو أولًا.",
  PROVIDER_NOT_AVAILABLE: "مزوّد الفيديو لهذه الجلسة غير مُعدّ. اختر مزوّدًا آخر في الجلسة.",
  PROVIDER_UNAVAILABLE: "مزوّد الفيديو لا يستجيب الآن. ستُعاد المحاولة تلقائيًا.",
  PROVIDER_REFUSED: "يرفض مزوّد الفيديو هذا الطلب. أخبر المسؤول.",

  ALREADY_SHARING: "تعرض الجلسة مستندًا بالفعل. أوقف عرضه أولًا.",
  NOTHING_SHARED: "هذا المستند غير معروض الآن. اعرضه أولًا.",
  MEDIA_ACTIVE: "هذا المستند معروض الآن. أوقف عرضه ثم احذفه.",
  MEDIA_NOT_READY: "هذا المستند قيد التحويل. انتظر حتى يجهز.",
  MEDIA_TOO_MANY: "لديك أكبر عدد مسموح به من المستندات. احذف مستندًا أولًا.",

  CALLS_TOO_MANY: "كرّرت هذا كثيرًا في وقت قصير. انتظر دقيقة ثم حاول مرة أخرى.",
  CONFLICT: "غيّر شخص آخر الشيء نفسه في اللحظة نفسها. حاول مرة أخرى.",
  PAUSED: "أوقف المشغّل الخدمة مؤقتًا. حاول مرة أخرى لاحقًا.",
  INTERNAL: "حدث خطأ في الخادم. حاول مرة أخرى، وأخبر المسؤول إذا استمر.",
  NOT_SET_UP: "إعداد الخدمة غير مكتمل. أخبر المسؤول.",

  ARCHIVE_STATE: OPERATOR_ONLY,
  CLAIMS_TOO_LONG: OPERATOR_ONLY,
  DELETION_NOT_GIVEN_UP: "ما زالت محاولة هذا الحذف جارية. لا يلزمك فعل شيء.",
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
};

/** All texts in Arabic. */
export const ARABIC: Texts = {
  locale: LOCALE,
  direction: "rtl",
  format,
  errors,

  failures: {
    UPLOAD_NOT_FINISHED: "لم يكتمل الرفع في الوقت المحدد. ارفع الملف مرة أخرى.",
    PROCESSING_TOO_LONG: "استغرقت المعالجة وقتًا طويلًا. حاول مرة أخرى.",
    NOT_AS_DECLARED: "وصل ملف غير الذي أُعلن عنه. ارفع الملف مرة أخرى.",
    TOO_LARGE: "الملف أكبر من المسموح به. ارفع ملفًا أصغر.",
    TOO_LONG: "الفيديو أطول من المسموح به. ارفعه على أجزاء.",
    TYPE_NOT_SUPPORTED: "نوع الملف غير مسموح به. حوّله ثم ارفعه مرة أخرى.",
    NOT_A_VIDEO: "ليس في الملف صورة. ارفع فيديو.",
    NOT_RECOGNIZED: "لا يتعرّف المزوّد على هذا الملف كفيديو. حوّله ثم ارفعه مرة أخرى.",
    REFUSED_BY_PROVIDER: "لم يستطع المزوّد قراءة الملف. حوّله ثم ارفعه مرة أخرى.",
    REJECTED_BY_MODERATOR: "رفض مشرف لدى المزوّد هذا الفيديو.",
    VANISHED: "حُذف الفيديو لدى المزوّد. ارفعه مرة أخرى.",
    PLAYS_NO_MORE: "لا يعمل الفيديو الآن. قد يعود؛ وإلا فارفعه مرة أخرى.",
  },

  slidesProblems: {
    ENCRYPTED: "المستند محمي بكلمة مرور. احفظه بدونها ثم ارفعه مرة أخرى.",
    EMPTY: "ليس في المستند صفحات. اختر مستندًا آخر.",
    BROKEN: "لا يمكن قراءة المستند. افتحه واحفظه من جديد ثم ارفعه مرة أخرى.",
    TYPE_MISMATCH: "نوع المستند غير ما يقوله اسمه. صحّح الامتداد ثم ارفعه مرة أخرى.",
    UNSUPPORTED: "لا يمكن تحويل مستندات من هذا النوع. احفظه بصيغة PDF وارفعه.",
    TOO_MANY_PAGES: "صفحات المستند كثيرة جدًا. ارفعه على أجزاء.",
    TOO_LARGE: "المستند كبير جدًا. صغّر صوره، أو ارفعه على أجزاء.",
    TOO_SLOW: "يستغرق تحويل المستند وقتًا طويلًا. احفظه بصيغة PDF وارفعه.",
    TOO_MUCH_MEMORY: "المستند معقّد جدًا للتحويل. احفظه بصيغة PDF وارفعه.",
    UPLOAD_MISSING: "لم يصل المستند. ارفعه مرة أخرى.",
    OTHER_FILE: "وصل ملف غير الذي أُعلن عنه. ارفع المستند مرة أخرى.",
    CONVERSION_FAILED: "تعذّر تحويل المستند. احفظه بصيغة PDF وارفعه.",
  },

  uploads: {
    list: "عمليات الرفع",
    states: uploadStates,
    pause: "إيقاف مؤقت",
    resume: "متابعة",
    cancel: "إلغاء",
    retry: "إعادة المحاولة",
    dismiss: "إزالة من القائمة",
    chooseAgain: "اختر الملف",
    pauseAll: "إيقاف الكل مؤقتًا",
    resumeAll: "متابعة الكل",
    retryAll: "إعادة محاولة الكل",
    pauseFile: (fileName) => `إيقاف رفع ${isolated(fileName)} مؤقتًا`,
    resumeFile: (fileName) => `متابعة رفع ${isolated(fileName)}`,
    cancelFile: (fileName) => `إلغاء رفع ${isolated(fileName)}`,
    retryFile: (fileName) => `إعادة محاولة رفع ${isolated(fileName)}`,
    dismissFile: (fileName) => `إزالة ${isolated(fileName)} من القائمة`,
    chooseFileAgain: (fileName) => `اختيار الملف ${isolated(fileName)} مرة أخرى`,
    progressOf: (fileName) => `رفع ${isolated(fileName)}`,
    sentOf: (sentBytes, sizeBytes) => `${format.size(sentBytes)} من ${format.size(sizeBytes)}`,
    timeLeft: (seconds) => `الوقت المتبقي: ${format.duration(seconds)}`,
    nextTry: (at) => `المحاولة التالية: ${format.time(at)}`,
    offline: "أنت غير متصل. سيُستأنف الرفع تلقائيًا عند عودة الاتصال.",
    tooSlow: (until) =>
      `اتصالك أبطأ من أن يرفع الباقي قبل ${format.dateTime(until)}. ` +
      "استخدم اتصالًا أسرع، أو أوقف عمليات رفع أخرى مؤقتًا.",
    summary: ({ sent, failed, all }) => {
      const done = plural(all, {
        zero: "لا توجد ملفات",
        one: sent === 1 ? "رُفع الملف" : "لم يُرفع الملف بعد",
        two: `رُفع ${number(sent)} من ملفين`,
        few: `رُفع ${number(sent)} من # ملفات`,
        many: `رُفع ${number(sent)} من # ملفًا`,
        other: `رُفع ${number(sent)} من # ملف`,
      });
      if (failed === 0) return done;
      const missing = plural(failed, {
        one: "فشل ملف واحد",
        two: "فشل ملفان",
        few: "فشلت # ملفات",
        many: "فشل # ملفًا",
        other: "فشل # ملف",
      });
      return `${done}، و${missing}`;
    },
    refused: (fileName, error) => `${isolated(fileName)}: ${errors[error.code]}`,
    announceSent: (fileName) => `اكتمل رفع ${isolated(fileName)}`,
    announceFailed: (fileName) => `فشل رفع ${isolated(fileName)}`,
  },

  videos: {
    states: videoStates,
    stages,
    progress: (state, stage, percent) => {
      const label = stage === null ? videoStates[state] : stages[stage];
      return percent > 0 && percent < 100 ? `${label}، ${format.percent(percent / 100)}` : label;
    },
    replacement: "ملف جديد",
    archive: {
      initial: "قيد الاستخدام",
      archived: "مؤرشف",
      place_holder: "في الأرشيف",
      restoring: "يُستعاد من الأرشيف",
    },
    archivesAt: (at) => `يُنقل إلى الأرشيف في ${format.dateTime(at)}، ما لم يشاهده أحد`,
    availableAt: (at) => `تُتوقّع عودته في ${format.dateTime(at)}`,
    kept: "مستثنى من الأرشيف",
  },

  player: {
    label: "فيديو",
    phases: {
      loading: "قيد التحميل",
      ready: "جاهز للتشغيل",
      playing: "قيد التشغيل",
      notYet: "ليس على الهواء بعد",
      over: "انتهى البث المباشر",
      ended: "النهاية",
      refused: "لا يُسمح لك بمشاهدة هذا",
      processing: "الفيديو قيد المعالجة",
      restoring: "يُستعاد الفيديو من الأرشيف",
      failed: "لا يعمل الفيديو",
      reconnecting: "يُعاد الاتصال",
    },
    opensAt: (at) => `يبدأ في ${format.dateTime(at)}`,
    broadcast: { offline: "ليس على الهواء", live: "مباشر", ended: "انتهى" },
    live: "مباشر",
    tryAgain: "إعادة المحاولة",
    quality: "الجودة",
    automaticQuality: "تلقائية",
    qualityOf: (height) => isolated(`${height}p`),
  },

  slides: {
    label: "الشرائح",
    pageOf: (page, pageCount, title) =>
      `الصفحة ${number(page)} من ${number(pageCount)}${title === null ? "" : ` من «${isolated(title)}»`}`,
    position: (page, pageCount) => `${number(page)} / ${number(pageCount)}`,
    nothingShown: "لا يُعرض أي مستند",
    gap: "حُذف هذا المستند",
    loading: "يجري تحميل الصفحة",
    states: { pending: "في انتظار المستند", processing: "قيد التحويل", ready: "جاهز", error: "فشل" },
    pagesReady: (ready, pageCount) =>
      plural(pageCount, {
        zero: "لا توجد صفحات",
        one: ready === 1 ? "الصفحة جاهزة" : "الصفحة غير جاهزة بعد",
        two: `${number(ready)} من صفحتين جاهز`,
        few: `${number(ready)} من # صفحات جاهز`,
        many: `${number(ready)} من # صفحة جاهز`,
        other: `${number(ready)} من # صفحة جاهز`,
      }),
    untitled: "مستند بلا عنوان",
    add: "إضافة مستند",
    rename: "إعادة تسمية",
    download: "تنزيل المستند",
    zoom: "تكبير",
    fullscreen: "ملء الشاشة",
    uploading: (percent) => `قيد الرفع، ${format.percent(percent / 100)}`,
    warning: slidesWarning,
  },
};

/** Translate what the converter says in English; whatever is new there stays in English. */
function slidesWarning(message: string): string {
  const font = /^The font "(.*)" is not available; "(.*)" takes its place\.$/.exec(message);
  if (font !== null) return `الخط «${isolated(font[1] ?? "")}» غير متوفر، ويحلّ محله «${isolated(font[2] ?? "")}».`;
  const page = /^Page (\d+) could not be drawn/.exec(message);
  if (page !== null) return `تعذّر رسم الصفحة ${number(Number(page[1]))}، وتظهر فارغة.`;
  return message;
}
