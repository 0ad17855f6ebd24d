/**
 * Takes a status out of sight, and leaves it to screen readers. The components have no style of their own, but unstyled
 * it would stand as text on the page. Angular sets it property by property, which every `style-src` policy allows.
 */
export const VISUALLY_HIDDEN: Readonly<Record<string, string>> = {
  position: "absolute",
  "inline-size": "1px",
  "block-size": "1px",
  overflow: "hidden",
  "clip-path": "inset(50%)",
  "white-space": "nowrap",
};
