// The parts of xmpp.js that this library uses; the packages have no types.

declare module "@xmpp/client-core" {
  export interface XmlElement {
    readonly attrs: Readonly<Record<string, string | undefined>>;
    is(name: string, namespace?: string): boolean;
    getChild(name: string, namespace?: string): XmlElement | undefined;
    getChildren(name: string, namespace?: string): readonly XmlElement[];
    getChildText(name: string): string | null;
  }

  export interface Jid {
    readonly local: string;
    readonly domain: string;
  }

  export class Client {
    constructor(options: { service: string; domain: string });
    jid: Jid | null;
    start(): Promise<unknown>;
    stop(): Promise<unknown>;
    send(element: XmlElement): Promise<void>;
    on(event: "stanza", listener: (stanza: XmlElement) => void): void;
    on(event: "disconnect", listener: () => void): void;
    on(event: "error", listener: (error: Error) => void): void;
  }

  export function xml(name: string, attributes?: object, ...children: readonly (XmlElement | string)[]): XmlElement;
  export function jid(address: string): Jid;
}

declare module "@xmpp/websocket" {
  export default function websocket(parts: { entity: object }): unknown;
}

declare module "@xmpp/middleware" {
  export default function middleware(parts: { entity: object }): object;
}

declare module "@xmpp/stream-features" {
  export default function streamFeatures(parts: { middleware: object }): object;
}

declare module "@xmpp/iq/caller.js" {
  import type { XmlElement } from "@xmpp/client-core";

  export interface IqCaller {
    request(stanza: XmlElement, timeoutMs?: number): Promise<XmlElement>;
  }
  export default function iqCaller(parts: { middleware: object; entity: object }): IqCaller;
}

declare module "@xmpp/iq/callee.js" {
  export interface IqCallee {
    get(namespace: string, name: string, answer: () => object): void;
  }
  export default function iqCallee(parts: { middleware: object; entity: object }): IqCallee;
}

declare module "@xmpp/sasl" {
  export type Authenticate = (credentials: { username: string; password: string }, mechanism: string) => Promise<void>;
  export default function sasl(
    parts: { streamFeatures: object; saslFactory: object },
    onAuthenticate: (authenticate: Authenticate, mechanisms: readonly string[]) => Promise<void>,
  ): void;
}

declare module "@xmpp/sasl-plain" {
  export default function plain(saslFactory: object): void;
}

declare module "@xmpp/resource-binding" {
  export default function resourceBinding(parts: { iqCaller: object; streamFeatures: object }): void;
}

declare module "saslmechanisms" {
  export default class SASLFactory {}
}
