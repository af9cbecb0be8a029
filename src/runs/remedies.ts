/** What a person can do about a dead letter, by its class: one entry for each that `DeadLetter` is thrown with. */

const again = (kind: string) => `\`tidemark dead-letters replay --class ${kind}\``;

export const REMEDIES: Readonly<Record<string, string>> = {
  unavailable: `its dependency has answered for others and not for this one for as long as \`limits.retryMinutes\` says: see what \`tidemark doctor\` says of it, and then ${again('unavailable')}`,
  refused: `the model or its server does not take this text: see its message and the server's log, mend that or leave the file out by \`exclude\`, and then ${again('refused')}`,
  too_large: `it is larger than \`limits.fileBytes\` or \`limits.window.bytes\` allows: raise that or leave the file out by \`exclude\`, start again, and then ${again('too_large')}`,
  record_too_large: `the log takes no record of that size: lower \`limits.textBytes\`, or raise \`max.message.bytes\` where the log is Kafka, start again, and then ${again('record_too_large')}`,
  unreadable: `it is no record of this version of Tidemark: \`tidemark dead-letters show ID\` has it; keep other programs from the topic, bring in step what it was about by \`tidemark backfill\`, and then \`tidemark dead-letters discard --class unreadable\``,
  missing_blob: `the repository lacks a file that its tree names: mend the repository (\`git fsck\`, or housekeeping in GitLab), and then ${again('missing_blob')}`,
  deadline: `the file has taken longer than \`limits.convertSeconds\` twice: raise that or leave the file out by \`exclude\`, start again, and then ${again('deadline')}`,
  worker_died: `the file has taken more memory than \`limits.convertHeap\` twice: raise that or leave the file out by \`exclude\`, start again, and then ${again('worker_died')}`,
  unknown: `nobody foresaw this: report it with what \`tidemark dead-letters show ID\` says; after an update ${again('unknown')}`,
};

/** Also of a class of another version, which left its letters in the same log. */
export const remedyOf = (kind: string): string =>
  (Object.hasOwn(REMEDIES, kind) ? REMEDIES[kind] : undefined) ??
  `this version does not know the class: see its message, and then ${again(kind)}`;
