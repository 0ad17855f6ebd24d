// Follows the slides of a session by XMPP, for emulator_tests/contract/test_web_chat.py: reads the grants for a chat room
// as lines of JSON, and prints each state and each change as such a line. Ends with its input.
import { createInterface } from "node:readline";

import type { SlidesChat } from "../greenroom/core/src/schema/types";
import { XmppSlides } from "../greenroom/core/src/slides/xmpp-slides";
import { Store } from "../greenroom/core/src/store";

const print = (content: unknown) => console.log(JSON.stringify(content));
const grant = new Store<SlidesChat | undefined>(undefined);
const slides = new XmppSlides(grant, (message) => print({ message }));
slides.state.subscribe((state) => print({ state }));
for await (const line of createInterface({ input: process.stdin })) grant.set(JSON.parse(line) as SlidesChat);
slides.close();
process.exit(0);
