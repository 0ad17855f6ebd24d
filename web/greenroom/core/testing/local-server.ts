import { deleteApp, initializeApp } from "firebase/app";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { Greenroom, type GreenroomOptions } from "../src/greenroom";

export type Handler = (request: IncomingMessage, body: Buffer, response: ServerResponse) => void;

/** An HTTP server on this machine, which pages of any origin may call. */
export class LocalServer {
  #server!: Server;
  #apps = 0;
  handle: Handler = (_request, _body, response) => response.writeHead(404).end();

  static async start(): Promise<LocalServer> {
    const local = new LocalServer();
    local.#server = createServer((request, response) => {
      response.setHeader("Access-Control-Allow-Origin", "*");
      response.setHeader("Access-Control-Allow-Headers", request.headers["access-control-request-headers"] ?? "*");
      response.setHeader("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE");
      if (request.method === "OPTIONS") return void response.writeHead(204).end();
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => local.handle(request, Buffer.concat(parts), response));
      request.on("error", () => {});
    });
    await new Promise<void>((resolve) => local.#server.listen(0, "127.0.0.1", resolve));
    return local;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Return a `Greenroom` that calls this server. */
  greenroom(options: GreenroomOptions = {}): Greenroom {
    const app = initializeApp({ apiKey: "test", projectId: "test" }, `${this.url}-${(this.#apps += 1)}`);
    const own = { callablesUrl: `${this.url}/call/`, apiUrl: `${this.url}/api/` };
    const greenroom = new Greenroom(app, { ...own, ...options });
    this.#closing.push(() => deleteApp(app));
    return greenroom;
  }

  readonly #closing: (() => Promise<void>)[] = [];

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await Promise.all(this.#closing.map((close) => close()));
  }
}

export function answerJson(response: ServerResponse, status: number, content: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(content));
}
