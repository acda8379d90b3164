// A stand-in for blob storage: whole blobs, and blobs in blocks, behind a signature.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export class BlobServer {
  readonly blobs = new Map<string, Buffer>();
  /** What was asked of it: method, path, and what kind of a request it is. */
  readonly requests: string[] = [];
  /** Before a blob is given or taken. */
  gate: (() => Promise<void>) | null = null;
  readonly #blocks = new Map<string, Buffer>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<BlobServer> {
    const server = createServer();
    const blobs = new BlobServer(server);
    server.on('request', (request, response) => {
      blobs.#serve(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return blobs;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  url(path: string, signature = '?sv=2021&sig=a%2Bb'): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}${path}${signature}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://localhost');
    const { pathname: path, searchParams: query } = url;
    const kind = query.get('comp') ?? request.headers['x-ms-blob-type'] ?? 'none';
    this.requests.push(`${request.method} ${path} ${kind}`);
    await this.gate?.();
    if (path.startsWith('/forbidden')) {
      response.writeHead(403, { 'x-ms-error-code': 'AuthenticationFailed' }).end('<Error/>');
      return;
    }
    if (request.method === 'GET') {
      const blob = this.blobs.get(path);
      if (blob === undefined) response.writeHead(404).end();
      else response.writeHead(200, { 'content-length': blob.length }).end(blob);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    if (kind === 'block') this.#blocks.set(query.get('blockid') ?? '', body);
    else if (kind === 'blocklist') {
      const ids = [...body.toString().matchAll(/<Latest>([^<]+)<\/Latest>/g)];
      const parts = ids.map(([, id = '']) => this.#blocks.get(id) ?? Buffer.alloc(0));
      this.blobs.set(path, Buffer.concat(parts));
    } else this.blobs.set(path, body);
    response.writeHead(201).end();
  }
}
