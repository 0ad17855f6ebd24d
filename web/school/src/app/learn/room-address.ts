/**
 * Return whether a frame may show this URL of a meeting room.
 *
 * It must not run code in this page: neither as a `javascript:` URL, nor from this app's own origin, which the frame's
 * `allow-same-origin` would allow.
 */
export function isRoomAddress(address: string | undefined): address is string {
  if (address === undefined || !URL.canParse(address)) return false;
  const { protocol, origin } = new URL(address);
  return (protocol === "https:" || protocol === "http:") && origin !== location.origin;
}
