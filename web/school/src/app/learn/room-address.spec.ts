import { isRoomAddress } from "./room-address";

describe("isRoomAddress", () => {
  it.each(["https://1.kaf.kaltura.com/virtualEvent/launch?ks=a", "http://127.0.0.1:4321/room"])(
    "lets in %s",
    (address) => expect(isRoomAddress(address)).toBe(true),
  );

  it.each([
    undefined,
    "",
    "room",
    "//",
    "javascript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "blob:https://1.kaf.kaltura.com/1",
    `blob:${location.origin}/1`,
    "about:srcdoc",
    `${location.origin}/stack.json`,
    `${location.origin.toUpperCase()}/stack.json`,
  ])("refuses %s", (address) => expect(isRoomAddress(address)).toBe(false));
});
