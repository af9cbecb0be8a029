throw new Error('the model is not there');
