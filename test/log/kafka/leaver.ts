/** Connects to the broker that it is told, leaves that connection to whoever ends them all, and has nothing left to do. */
import { kafkaClients } from '../../../src/log/kafka/client.ts';

const [address = ''] = process.argv.slice(2);
const { kafka, end } = kafkaClients({ brokers: [address], clientId: 'leaver', said: () => undefined });
const admin = kafka().admin();
await admin.connect();
await admin.listTopics();
end();
