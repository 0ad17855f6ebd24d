/**
 * Return whether a frame may show this address of a meeting room.
 *
 * Whatever the server gives, it must not run in this page: not as a script, and not with the origin of this app, which
 * `allow-same-origin` would leave it.
 */
export function isRoomAddress(address: string | undefined): address is string {
  if (address === undefined || !URL.canParse(address)) return false;
  const { protocol, origin } = new URL(address);
  return (protocol === "https:" || protocol === "http:") && origin !== location.origin;
}
