import { createHash, timingSafeEqual } from 'node:crypto';

/** Says nothing by the time that it takes, also not how long the secret is. */
export const isSameSecret = (given: string, known: string): boolean => {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(known));
};
