declare module 'lz4js' {
  /** Of one frame. */
  export const decompress: (source: Uint8Array) => Uint8Array;
}

declare module 'snappyjs' {
  export const uncompress: (source: Uint8Array) => Uint8Array;
}
