/** Where the package lies, seen from `src` and `dist` alike: models and what it says of itself are not compiled. */
export const packageDirectory = new URL('../', import.meta.url);
