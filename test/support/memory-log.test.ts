import { logContract } from '../contracts/log.ts';
import { memoryBroker, memoryLog } from './memory-log.ts';

logContract('in memory', async (topics) => {
  const [partitions = 1] = topics.map((topic) => topic.partitions);
  const broker = memoryBroker({ topics: topics.map(({ name }) => name), partitions });
  return {
    log: memoryLog(broker),
    reopen: async () => memoryLog(broker),
    async compact() {
      for (const { name } of topics) broker.compact(name);
    },
  };
});
