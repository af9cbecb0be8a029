/** How a broker is reached, and by whom: the connections of the log, each made anew after a failure. */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import kafkajs, { type ISocketFactory, type Kafka, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs';
import { StopFlow, TryAgain } from '../../errors.ts';
import type { Time } from '../../ports.ts';
import { SECOND } from '../../units.ts';
import { registerCodecs } from './codecs.ts';
import { isUnreachable, kafkaError } from './errors.ts';

const KEEP_ALIVE_MS = 60 * SECOND;
/** kafkajs waits for all answers that are owed to it, and now and then for one that never comes. */
const CLOSE_MS = 5 * SECOND;

export type KafkaSecurity = Pick<KafkaConfig, 'ssl'> & { readonly sasl?: SASLOptions };

export interface KafkaClientOptions extends KafkaSecurity {
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** What kafkajs has to say. */
  readonly said: (of: { level: 'debug' | 'warn'; message: string; error?: string }) => void;
}

export interface KafkaClients {
  /**
   * A client of its own for each use: those of one share what they know of a group's offsets, and one that joins anew
   * makes the others forget it.
   */
  readonly kafka: () => Kafka;
  /** Ends what is still connected. kafkajs leaves behind what it was just connecting, and the process with it. */
  end(): void;
}

export const kafkaClients = ({ brokers, clientId, ssl, sasl, said }: KafkaClientOptions): KafkaClients => {
  registerCodecs();
  const sockets = new Set<Socket>();
  let ended = false;
  const socketFactory: ISocketFactory = ({ host, port, ssl: secure, onConnect }) => {
    if (ended) throw new Error('the log is closed');
    const named = isIP(host) === 0 ? { servername: host } : {};
    const socket = secure
      ? connectTls({ host, port, ...named, ...secure }, onConnect)
      : connect({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  };
  const { Kafka, logLevel } = kafkajs;
  const config: KafkaConfig = {
    brokers: [...brokers],
    clientId,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
    connectionTimeout: 5 * SECOND,
    authenticationTimeout: 10 * SECOND,
    requestTimeout: 30 * SECOND,
    // Short, since whoever waits for long does so above, where it is told that the broker does not answer.
    retry: { initialRetryTime: 100, maxRetryTime: 1 * SECOND, retries: 4 },
    socketFactory,
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => said(saying(entry)),
  };
  return {
    kafka: () => new Kafka(config),
    end() {
      ended = true;
      // An error is the one end that kafkajs hears of. Else its timers would keep the process for ever.
      for (const socket of sockets) socket.destroy(new Error('the log is closed'));
    },
  };
};

/** What belongs to a broker that starts, stops or shares partitions anew, and ends by itself. */
const PASSING =
  /coordinator is (?:loading|not available)|not (?:available|the correct) coordinator|rebalanc|Connection |connect |Failed to connect|Restarting|Crash|not aware of this member|No brokers|timed? ?out|Limiting retries|closed connection|metadata|leader|^Response |offset out of range/i;

const saying = ({ level, namespace, log }: LogEntry) => {
  const { message, error } = log as { message: string; error?: unknown };
  const text = `${namespace ? `${namespace}: ` : ''}${message}`;
  const about = typeof error === 'string' ? error : error instanceof Error ? error.message : undefined;
  const passing = PASSING.test(text) || (about !== undefined && PASSING.test(about));
  const said = passing || level > kafkajs.logLevel.WARN ? ('debug' as const) : ('warn' as const);
  return { level: said, message: text, ...(about === undefined ? {} : { error: about }) };
};

export interface Connection<C> {
  /** Throws by reaction. */
  use<T>(action: string, work: (connected: C) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface ConnectionOptions<C> {
  readonly time: Time;
  readonly make: () => Promise<C>;
  readonly end: (connected: C) => Promise<void>;
  /** Tries in all, of what is worth repeating at once, as while a coordinator is loading. */
  readonly tries?: number;
}

/** Made with its first use, and anew after any failure: nothing that a broker has forgotten is used a second time. */
export const connection = <C>({ time, make, end, tries = 1 }: ConnectionOptions<C>): Connection<C> => {
  let current: Promise<C> | undefined;
  let closed = false;
  const ending = new Set<Promise<void>>();

  const drop = (failed: Promise<C> | undefined) => {
    if (!failed) return;
    if (current === failed) current = undefined;
    // It has failed already: how it ends is of no interest to anybody.
    const ended = failed.then(end).catch(() => undefined);
    ending.add(ended);
    ended.finally(() => ending.delete(ended));
  };

  const once = async <T>(action: string, work: (connected: C) => Promise<T>): Promise<T> => {
    if (closed) throw new StopFlow(`cannot ${action}: the log is closed`);
    current ??= make();
    const mine = current;
    try {
      return await work(await mine);
    } catch (cause) {
      const error = kafkaError(action, cause);
      if (!(error instanceof StopFlow)) drop(mine);
      throw error;
    }
  };

  return {
    async use(action, work) {
      for (let tried = 1; ; tried += 1) {
        try {
          return await once(action, work);
        } catch (error) {
          if (!(error instanceof TryAgain) || isUnreachable(error) || tried >= tries || closed) throw error;
          await time.sleep(200 * tried);
        }
      }
    },
    async close() {
      closed = true;
      drop(current);
      await within(time, Promise.all(ending), CLOSE_MS);
    },
  };
};

/** Until the work is over, or for so long. */
export const within = async (time: Time, work: Promise<unknown> | undefined, ms: number): Promise<void> => {
  const enough = new AbortController();
  try {
    await Promise.race([work, time.sleep(ms, enough.signal)]);
  } finally {
    enough.abort();
  }
};
