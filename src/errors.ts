/**
 * One class per reaction. Whoever throws says what is to be done, not what went wrong inside: that is in the message,
 * which names the action and quotes what it got, and in `cause`.
 */

export const MASK = '***';

/** Whatever may be one: a parameter that is covered and is none does no harm. */
const PARAMETER =
  /(?:token|key|secret|signature|sig|passw(?:or)?d|passphrase|pwd|pass|auth|credentials?|code)$|^x-(?:amz|goog)-/i;

export const isSecretParameter = (name: string): boolean => PARAMETER.test(name);

/** Any text: users and passwords in its URLs are covered, and the parameters that are secrets. */
export const maskedText = (text: string): string =>
  text
    .replace(/:\/\/[^/?#\s"'<>\\]*@/g, `://${MASK}@`)
    .replace(/([?&#])([\w.~%-]*)=[^&#\s"'<>\\]*/g, (whole, before: string, name: string) =>
      isSecretParameter(name) ? `${before}${name}=${MASK}` : whole,
    );

/** Messages are logged, stored and sent on, by whoever catches them: none holds what a URL in it is protected with. */
class Told extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(maskedText(message), options);
  }
}

/** A dependency did not answer, or asked to be left alone for now. The same call is worth repeating. */
export class TryAgain extends Told {
  override readonly name = 'TryAgain';
  readonly retryAfterMs: number;
  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}

/** Trying again cannot help: set the item aside. `kind` is what a person filters dead letters by. */
export class DeadLetter extends Told {
  override readonly name = 'DeadLetter';
  readonly kind: string;
  constructor(kind: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.kind = kind;
  }
}

/** This project refuses us, or is not found, while its source answers others: leave it alone until it lets us in. */
export class BlockProject extends Told {
  override readonly name = 'BlockProject';
}

/** Nothing can go on before a person has acted. */
export class StopFlow extends Told {
  override readonly name: string = 'StopFlow';
}

/** What the data directory holds is not what was written there: `tidemark rebuild` sets it aside. */
export class Damaged extends StopFlow {
  override readonly name: string = 'Damaged';
  /** Without the remedy, for whoever is about to apply it. */
  readonly finding: string;
  constructor(finding: string, options: { cause?: unknown } = {}) {
    super(
      `${finding}. Stop what runs here, and say \`tidemark rebuild\`: it tells what is damaged, and indexes it anew`,
      options,
    );
    this.finding = finding;
  }
}

/** A dependency has never answered since the command began: it ends, and may be tried again later. */
export class Unavailable extends StopFlow {
  override readonly name: string = 'Unavailable';
}

/** Another process has what this one held: it ends at once, and writes nothing more. Its next start waits or is told. */
export class LostLock extends StopFlow {
  override readonly name: string = 'LostLock';
}

/** Nothing more may be spent for now. What was done is kept, and what was not is done by the next start. */
export class BudgetSpent extends StopFlow {
  override readonly name: string = 'BudgetSpent';
}

/** What a person wrote cannot be followed: the command ends, and says in a line each what to write instead. */
export class BadConfiguration extends Told {
  override readonly name = 'BadConfiguration';
}

/** A command that cannot be understood: nothing was begun, and the message says how it is written. */
export class BadUsage extends Told {
  override readonly name = 'BadUsage';
}

/** What was asked for is not there, or not for whoever asks: nobody learns which. */
export class NotFound extends Told {
  override readonly name = 'NotFound';
}

/** Whoever asked has asked it to stop, or whoever does it ends: nothing is wrong, and nobody has to be told why. */
export class Cancelled extends Told {
  override readonly name = 'Cancelled';
}

/** Whether the reaction is already known; anything else is unknown. */
export const isKnown = (error: unknown): error is TryAgain | DeadLetter | BlockProject | StopFlow =>
  error instanceof TryAgain ||
  error instanceof DeadLetter ||
  error instanceof BlockProject ||
  error instanceof StopFlow;

export const messageOf = (error: unknown): string => maskedText(error instanceof Error ? error.message : String(error));

/** Node's name for what went wrong, as `ENOENT`. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Of a request: `fetch` says that it failed, and its cause says why. */
export const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error
    ? `${messageOf(error)}: ${cause.message || codeOf(cause) || cause.name}`
    : messageOf(error);
};

/** Codes of what waiting does not mend: the wrong certificate, or none where one is spoken of. */
export const TLS_FAULT = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;
