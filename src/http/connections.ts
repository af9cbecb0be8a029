/**
 * How many connections a server holds. Each is an open file, and indexing needs those too: who opens connections and
 * says nothing is to starve neither the flows nor those who ask.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const MAX_CONNECTIONS = 1024;
const MIN_CONNECTIONS = 16;
/** A process has three servers at most, so that more than half of its files are left to log, store and sources. */
const SHARE_OF_FILES = 8;

/** An eighth of the files that the system lets this process open (`ulimit -n`). */
export const connectionsAllowed = (): number => {
  const files = openFilesAllowed();
  return Math.min(MAX_CONNECTIONS, Math.max(MIN_CONNECTIONS, Math.floor(files / SHARE_OF_FILES)));
};

const openFilesAllowed = (): number => {
  if (!process.report) return Number.POSITIVE_INFINITY;
  // Otherwise the report looks up the names of all who are connected, which may take long.
  Object.assign(process.report, { excludeNetwork: true });
  const { userLimits } = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft: number | string } };
  };
  const files = Number(userLimits?.open_files?.soft);
  // "unlimited", or a system that has no such limit.
  return Number.isNaN(files) ? Number.POSITIVE_INFINITY : files;
};

/**
 * Beyond the bound the connection that has been without a request for longest gives way to the new one, so that idle
 * ones keep nobody out; where all have one, the new one is closed.
 */
export const boundConnections = (server: Server, max: number): void => {
  /** Without a request that is being answered, the longest idle first. */
  const idle = new Set<Socket>();
  /** A connection may bring several requests before the first has its answer. */
  const answering = new WeakMap<Socket, number>();
  let open = 0;

  server.on('connection', (socket: Socket) => {
    open += 1;
    socket.once('close', () => {
      open -= 1;
      idle.delete(socket);
    });
    if (open > max) {
      const [longest = socket] = idle;
      idle.delete(longest);
      longest.destroy();
    }
    if (!socket.destroyed) idle.add(socket);
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    idle.delete(socket);
    answering.set(socket, (answering.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = (answering.get(socket) ?? 1) - 1;
      answering.set(socket, left);
      if (left === 0 && !socket.destroyed) idle.add(socket);
    });
  });
};
