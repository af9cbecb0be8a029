import { stateContract } from '../contracts/state.ts';
import { memoryState } from './memory-state.ts';

stateContract('the state in memory', async () => ({ state: memoryState(), async close() {} }));
