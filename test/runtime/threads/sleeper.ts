/** A thread that never gets ready. */
import { setTimeout as sleep } from 'node:timers/promises';

await sleep(100_000);
