/**
 * What a request asks for. Whoever can reach a port chooses every byte of it, so that one function reads it for all
 * servers: `undefined` for what names nothing, such as `//`, `*` or `host:port`, instead of an exception that nobody
 * awaits.
 */
export const targetOf = (target: string | undefined): URL | undefined => {
  if (target === undefined) return undefined;
  const isPath = target.startsWith('/') && !target.startsWith('//');
  // As proxies are asked; which server that names says the header `host`, which is checked.
  const isWhole = /^https?:\/\//i.test(target);
  const url = isPath ? `http://localhost${target}` : target;
  return (isPath || isWhole) && URL.canParse(url) ? new URL(url) : undefined;
};
