import type { Args, Around, OwnCommand } from '../command.ts';
import { EXIT } from '../exit.ts';

export const topicsPrint: OwnCommand = {
  kind: 'own',
  name: 'topics print',
  summary: 'Prints the commands that create the topics of a pipeline on Kafka.',
  options: {
    json: { description: 'Prints one JSON object a line instead: topic, partitions, replication, settings.' },
    brokers: {
      value: 'NUMBER',
      description: 'Says how many brokers there are, which limits the replicas; the default is 3.',
    },
  },
  async run({ place: { config }, output }: Around, args: Args) {
    const [{ names }, { optionsOf }, { kafkaTopicsOf }, { asCommands, wantedTopics }] = await Promise.all([
      import('../../config/names.ts'),
      import('../../config/pipeline.ts'),
      import('../../pipeline/engines.ts'),
      import('../../log/kafka/topics.ts'),
    ]);
    const pipeline = args.text('pipeline') ?? 'default';
    const brokers = args.whole('brokers', { min: 1, max: 1000, otherwise: 3 });
    const options = kafkaTopicsOf(config, names(pipeline, optionsOf(config, pipeline)));
    const wanted = wantedTopics(options, brokers);
    const [first = 'localhost:9092'] = config.log.kind === 'kafka' ? config.log.brokers : [];
    const lines = args.flag('json') ? wanted.map((topic) => JSON.stringify(topic)) : asCommands(wanted, first);
    for (const line of lines) await output.line(line);
    return EXIT.success;
  },
};
