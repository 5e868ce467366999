CREATE TABLE produtos (
  id SERIAL PRIMARY KEY,
  descricao TEXT,
  categoria VARCHAR(50)
);

INSERT INTO produtos (descricao, categoria) VALUES
  ('kit 4 esponjas', NULL),
  ('batom líquido matte nude', NULL),
  ('rimel a prova dagua preto', ''),
  ('paleta de sombras 12 cores', NULL),
  ('Dom Casmurro - Machado de Assis', NULL),
  ('livro de receitas capa dura', ''),
  ('dicionário de espanhol', NULL),
  ('A hora da estrela, edição comemorativa', NULL),
  ('boneca de pano 40 cm', NULL),
  ('quebra-cabeça 500 peças', ''),
  ('carrinho de controle remoto', NULL),
  ('jogo de tabuleiro para a família', 'brinquedo'),
  ('controle sem fio ps4', NULL),
  ('jogo de corrida xbox one mídia física', NULL),
  ('headset gamer com microfone', ''),
  ('console portátil 64gb', NULL);
