import type { Texts } from "./texts";

const SIZES = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;
const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** Return functions that write amounts and times in a language, with `Intl`. */
export function formatsOf(locale: string): Texts["format"] {
  const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
  const list = new Intl.ListFormat(locale, { style: "narrow", type: "unit" });
  const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  const time = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
  const inUnit = (value: number, unit: string, options: Intl.NumberFormatOptions) =>
    new Intl.NumberFormat(locale, { style: "unit", unit, ...options }).format(value);
  const ofSize = (bytes: number, suffix: string) => {
    const step = Math.min(SIZES.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
    const value = bytes / 1000 ** step;
    return inUnit(value, `${SIZES[step]}${suffix}`, {
      // The short form of bytes has no plural.
      unitDisplay: step === 0 && suffix === "" ? "long" : "short",
      maximumFractionDigits: step > 1 && value < 100 ? 1 : 0,
    });
  };
  return {
    percent: (fraction) => percent.format(fraction),
    size: (bytes) => ofSize(bytes, ""),
    rate: (bytesPerSecond) => ofSize(bytesPerSecond, "-per-second"),
    duration: (seconds) => {
      let left = Math.max(1, Math.round(seconds));
      // Next to hours, seconds would only flicker; next to days, minutes.
      left = left >= 86_400 ? roundTo(left, 3_600) : left >= 3_600 ? roundTo(left, 60) : left;
      const parts: string[] = [];
      for (const [unit, length] of UNITS) {
        const count = Math.floor(left / length);
        left -= count * length;
        if (count > 0) parts.push(inUnit(count, unit, { unitDisplay: "long" }));
      }
      return list.format(parts.slice(0, 2));
    },
    dateTime: (instant) => dateTime.format(instant),
    time: (instant) => time.format(instant),
  };
}

/** Return a function that writes a whole number. */
export function numbersOf(locale: string): (value: number) => string {
  const format = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  return (value) => format.format(value);
}

/** The forms of a noun with a number; a language has some of them, and always `other`. */
export type PluralForms = Partial<Record<Intl.LDMLPluralRule, string>> & { readonly other: string };

/** Return a function that chooses the form for a number, and puts the number in the place of `#`. */
export function pluralsOf(locale: string): (count: number, forms: PluralForms) => string {
  const rules = new Intl.PluralRules(locale);
  const number = numbersOf(locale);
  return (count, forms) => (forms[rules.select(count)] ?? forms.other).replaceAll("#", number(count));
}

function roundTo(value: number, step: number): number {
  return Math.round(value / step) * step;
}
