BEGIN TRANSACTION;
CREATE TABLE api_key (
	id VARCHAR(12) NOT NULL, 
	name VARCHAR(60) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	scopes JSON NOT NULL, 
	teams JSON NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	revoked_at BIGINT, 
	langs JSON, 
	PRIMARY KEY (id)
);
INSERT INTO "api_key" VALUES('1 第 api_key.','1 第 api_key.name','1 第 api_key.hash','{"\u8bf4": ["\u8bdd", 1]}','{"\u8bf4": ["\u8bdd", 1]}','1 第 api_key.by',1795262400000000,1795262400000000,1795262400000000,'{"\u8bf4": ["\u8bdd", 1]}');
INSERT INTO "api_key" VALUES('2 第 api_key.','2 第 api_key.name','2 第 api_key.hash','{"\u8bf4": ["\u8bdd", 2]}','{"\u8bf4": ["\u8bdd", 2]}','2 第 api_key.by',1795262400000000,1795262400000000,1795262400000000,'{"\u8bf4": ["\u8bdd", 2]}');
CREATE TABLE asked (
	id VARCHAR(64) NOT NULL, 
	call VARCHAR(64) NOT NULL, 
	agent VARCHAR(64) NOT NULL, 
	teams JSON NOT NULL, 
	at BIGINT NOT NULL, 
	day VARCHAR(10) NOT NULL, 
	question TEXT NOT NULL, 
	lang VARCHAR(2) NOT NULL, 
	product VARCHAR(64) NOT NULL, 
	tag VARCHAR(16) NOT NULL, 
	verdict VARCHAR(8) NOT NULL, 
	hits INTEGER, 
	opened VARCHAR(200) NOT NULL, 
	rank INTEGER, 
	outcome VARCHAR(8) NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	seconds FLOAT, 
	pressed INTEGER, 
	PRIMARY KEY (id)
);
INSERT INTO "asked" VALUES('1 第 asked.id','1 第 asked.call','1 第 asked.agent','{"\u8bf4": ["\u8bdd", 1]}',1795262400000000,'1 第 asked.','1 第 asked.question','1 ','1 第 asked.product','1 第 asked.tag','1 第 aske',1,'1 第 asked.opened',1,'1 第 aske','1 第 asked.article',1.0,1);
INSERT INTO "asked" VALUES('2 第 asked.id','2 第 asked.call','2 第 asked.agent','{"\u8bf4": ["\u8bdd", 2]}',1795262400000000,'2 第 asked.','2 第 asked.question','2 ','2 第 asked.product','2 第 asked.tag','2 第 aske',2,'2 第 asked.opened',2,'2 第 aske','2 第 asked.article',2.0,2);
CREATE TABLE attempt (
	id INTEGER NOT NULL, 
	who VARCHAR(64) NOT NULL, 
	place VARCHAR(64) DEFAULT '' NOT NULL, 
	known BOOLEAN DEFAULT 0 NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "attempt" VALUES(1,'1 第 attempt.who','1 第 attempt.place',0,1795262400000000);
INSERT INTO "attempt" VALUES(2,'2 第 attempt.who','2 第 attempt.place',1,1795262400000000);
CREATE TABLE audit (
	number INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	act VARCHAR(16) NOT NULL, 
	about VARCHAR(200) NOT NULL, 
	facts TEXT NOT NULL, 
	seal VARCHAR(64) NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "audit" VALUES(1,1795262400000000,'may','edit','article-0','{"说": "话"}','25a4e9e45f2e3f28c1b23d507ef03533d13e997795feafcedbef90a198a98345');
INSERT INTO "audit" VALUES(2,1795262400000000,'may','edit','article-1','{"说": "话"}','5cb0a896e771250737f52d095706ba10bfe41ac324156d03421eb652671aae2e');
CREATE TABLE audit_head (
	id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	seal VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit_head" VALUES(1,2,'5cb0a896e771250737f52d095706ba10bfe41ac324156d03421eb652671aae2e');
CREATE TABLE bulletin (
	id VARCHAR(64) NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	title TEXT NOT NULL, 
	body TEXT NOT NULL, 
	say TEXT NOT NULL, 
	teams JSON NOT NULL, 
	products JSON NOT NULL, 
	words JSON NOT NULL, 
	valid_from BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	withdrawn_at BIGINT, 
	PRIMARY KEY (id)
);
INSERT INTO "bulletin" VALUES('1 第 bulletin.id','1 第 bulletin.by',1795262400000000,'1 第 bulletin.kin','1 第 bulletin.title','1 第 bulletin.body','1 第 bulletin.say','{"\u8bf4": ["\u8bdd", 1]}','{"\u8bf4": ["\u8bdd", 1]}','{"\u8bf4": ["\u8bdd", 1]}',1795262400000000,1795262400000000,1795262400000000);
INSERT INTO "bulletin" VALUES('2 第 bulletin.id','2 第 bulletin.by',1795262400000000,'2 第 bulletin.kin','2 第 bulletin.title','2 第 bulletin.body','2 第 bulletin.say','{"\u8bf4": ["\u8bdd", 2]}','{"\u8bf4": ["\u8bdd", 2]}','{"\u8bf4": ["\u8bdd", 2]}',1795262400000000,1795262400000000,1795262400000000);
CREATE TABLE bulletin_seen (
	bulletin VARCHAR(64) NOT NULL, 
	user VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (bulletin, user), 
	FOREIGN KEY(bulletin) REFERENCES bulletin (id)
);
INSERT INTO "bulletin_seen" VALUES('1 第 bulletin.id','1 第 bulletin_seen.user',1795262400000000);
INSERT INTO "bulletin_seen" VALUES('2 第 bulletin.id','2 第 bulletin_seen.user',1795262400000000);
CREATE TABLE call (
	id VARCHAR(64) NOT NULL, 
	agent VARCHAR(64) NOT NULL, 
	teams JSON NOT NULL, 
	begun_at BIGINT NOT NULL, 
	last_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	product VARCHAR(64) NOT NULL, 
	lang VARCHAR(8) NOT NULL, 
	tag VARCHAR(16) NOT NULL, 
	read_at BIGINT, 
	noticed_at BIGINT, 
	PRIMARY KEY (id)
);
INSERT INTO "call" VALUES('1 第 call.id','1 第 call.agent','{"\u8bf4": ["\u8bdd", 1]}',1795262400000000,1795262400000000,1795262400000000,'1 第 call.product','1 第 call','1 第 call.tag',1795262400000000,1795262400000000);
INSERT INTO "call" VALUES('2 第 call.id','2 第 call.agent','{"\u8bf4": ["\u8bdd", 2]}',1795262400000000,1795262400000000,1795262400000000,'2 第 call.product','2 第 call','2 第 call.tag',1795262400000000,1795262400000000);
CREATE TABLE device (
	"key" VARCHAR(64) NOT NULL, 
	user VARCHAR(64) NOT NULL, 
	seen_at BIGINT NOT NULL, 
	PRIMARY KEY ("key", user)
);
INSERT INTO "device" VALUES('1 第 device.key','1 第 device.user',1795262400000000);
INSERT INTO "device" VALUES('2 第 device.key','2 第 device.user',1795262400000000);
CREATE TABLE draft (
	article VARCHAR(200) NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	path VARCHAR(400) NOT NULL, 
	base VARCHAR(64) NOT NULL, 
	source TEXT NOT NULL, 
	gap VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (article, "by")
);
INSERT INTO "draft" VALUES('1 第 draft.article','1 第 draft.by','1 第 draft.path','1 第 draft.base','1 第 draft.source','1 第 draft.gap',1795262400000000);
INSERT INTO "draft" VALUES('2 第 draft.article','2 第 draft.by','2 第 draft.path','2 第 draft.base','2 第 draft.source','2 第 draft.gap',1795262400000000);
CREATE TABLE event (
	id VARCHAR(64) NOT NULL, 
	call VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	agent VARCHAR(64) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	"query" TEXT NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	version VARCHAR(64) NOT NULL, 
	detail JSON NOT NULL, 
	undone_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(call) REFERENCES call (id)
);
INSERT INTO "event" VALUES('1 第 event.id','1 第 call.id',1795262400000000,'1 第 event.agent','1 第 event.kind','1 第 event.query','1 第 event.article','1 第 event.version','{"\u8bf4": ["\u8bdd", 1]}',1795262400000000);
INSERT INTO "event" VALUES('2 第 event.id','2 第 call.id',1795262400000000,'2 第 event.agent','2 第 event.kind','2 第 event.query','2 第 event.article','2 第 event.version','{"\u8bf4": ["\u8bdd", 2]}',1795262400000000);
CREATE TABLE flag (
	id VARCHAR(64) NOT NULL, 
	call VARCHAR(64) NOT NULL, 
	agent VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	version VARCHAR(64) NOT NULL, 
	sentence TEXT NOT NULL, 
	reason VARCHAR(16) NOT NULL, 
	note TEXT NOT NULL, 
	undone_at BIGINT, 
	PRIMARY KEY (id)
);
INSERT INTO "flag" VALUES('1 第 flag.id','1 第 flag.call','1 第 flag.agent',1795262400000000,'1 第 flag.article','1 第 flag.version','1 第 flag.sentence','1 第 flag.reason','1 第 flag.note',1795262400000000);
INSERT INTO "flag" VALUES('2 第 flag.id','2 第 flag.call','2 第 flag.agent',1795262400000000,'2 第 flag.article','2 第 flag.version','2 第 flag.sentence','2 第 flag.reason','2 第 flag.note',1795262400000000);
CREATE TABLE flag_answer (
	flag VARCHAR(64) NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	done BOOLEAN NOT NULL, 
	text TEXT NOT NULL, 
	told_at BIGINT, 
	PRIMARY KEY (flag), 
	FOREIGN KEY(flag) REFERENCES flag (id)
);
INSERT INTO "flag_answer" VALUES('1 第 flag.id','1 第 flag_answer.by',1795262400000000,0,'1 第 flag_answer.text',1795262400000000);
INSERT INTO "flag_answer" VALUES('2 第 flag.id','2 第 flag_answer.by',1795262400000000,1,'2 第 flag_answer.text',1795262400000000);
CREATE TABLE gap (
	id VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	question TEXT NOT NULL, 
	lang VARCHAR(8) NOT NULL, 
	product VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	closed_at BIGINT, 
	"into" VARCHAR(64) DEFAULT '' NOT NULL, 
	owner VARCHAR(64) DEFAULT '' NOT NULL, 
	due_at BIGINT, 
	department VARCHAR(64) DEFAULT '' NOT NULL, 
	tag VARCHAR(16) DEFAULT '' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "gap" VALUES('1 第 gap.id',1795262400000000,'1 第 gap.question','1 第 gap.','1 第 gap.product','1 第 gap.state','1 第 gap.article',1795262400000000,'1 第 gap.into','1 第 gap.owner',1795262400000000,'1 第 gap.department','1 第 gap.tag');
INSERT INTO "gap" VALUES('2 第 gap.id',1795262400000000,'2 第 gap.question','2 第 gap.','2 第 gap.product','2 第 gap.state','2 第 gap.article',1795262400000000,'2 第 gap.into','2 第 gap.owner',1795262400000000,'2 第 gap.department','2 第 gap.tag');
CREATE TABLE gap_apart (
	one VARCHAR(64) NOT NULL, 
	other VARCHAR(64) NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (one, other), 
	FOREIGN KEY(one) REFERENCES gap (id), 
	FOREIGN KEY(other) REFERENCES gap (id)
);
INSERT INTO "gap_apart" VALUES('1 第 gap.id','1 第 gap.id','1 第 gap_apart.by',1795262400000000);
INSERT INTO "gap_apart" VALUES('2 第 gap.id','2 第 gap.id','2 第 gap_apart.by',1795262400000000);
CREATE TABLE gap_move (
	id INTEGER NOT NULL, 
	gap VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	"before" VARCHAR(16) NOT NULL, 
	"after" VARCHAR(16) NOT NULL, 
	why TEXT NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	owner VARCHAR(64) NOT NULL, 
	due_at BIGINT, 
	department VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(gap) REFERENCES gap (id)
);
INSERT INTO "gap_move" VALUES(1,'1 第 gap.id',1795262400000000,'1 第 gap_move.by','1 第 gap_move.bef','1 第 gap_move.aft','1 第 gap_move.why','1 第 gap_move.article','1 第 gap_move.owner',1795262400000000,'1 第 gap_move.department');
INSERT INTO "gap_move" VALUES(2,'2 第 gap.id',1795262400000000,'2 第 gap_move.by','2 第 gap_move.bef','2 第 gap_move.aft','2 第 gap_move.why','2 第 gap_move.article','2 第 gap_move.owner',1795262400000000,'2 第 gap_move.department');
CREATE TABLE gap_report (
	id VARCHAR(64) NOT NULL, 
	gap VARCHAR(64) NOT NULL, 
	call VARCHAR(64) NOT NULL, 
	agent VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	question TEXT NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	words TEXT NOT NULL, 
	answered TEXT NOT NULL, 
	suggestion TEXT NOT NULL, 
	told_at BIGINT, 
	undone_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(gap) REFERENCES gap (id)
);
INSERT INTO "gap_report" VALUES('1 第 gap_report.id','1 第 gap.id','1 第 gap_report.call','1 第 gap_report.agent',1795262400000000,'1 第 gap_report.question','1 第 gap_report.k','1 第 gap_report.words','1 第 gap_report.answered','1 第 gap_report.suggestion',1795262400000000,1795262400000000);
INSERT INTO "gap_report" VALUES('2 第 gap_report.id','2 第 gap.id','2 第 gap_report.call','2 第 gap_report.agent',1795262400000000,'2 第 gap_report.question','2 第 gap_report.k','2 第 gap_report.words','2 第 gap_report.answered','2 第 gap_report.suggestion',1795262400000000,1795262400000000);
CREATE TABLE identity (
	issuer VARCHAR(200) NOT NULL, 
	subject VARCHAR(255) NOT NULL, 
	user VARCHAR(64) NOT NULL, 
	PRIMARY KEY (issuer, subject)
);
INSERT INTO "identity" VALUES('1 第 identity.issuer','1 第 identity.subject','1 第 identity.user');
INSERT INTO "identity" VALUES('2 第 identity.issuer','2 第 identity.subject','2 第 identity.user');
CREATE TABLE learnt (
	id VARCHAR(64) NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	question TEXT NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "learnt" VALUES('1 第 learnt.id','1 第 learnt.article','1 第 learnt.question','1 第 learnt.kind','1 第 learnt.by',1795262400000000);
INSERT INTO "learnt" VALUES('2 第 learnt.id','2 第 learnt.article','2 第 learnt.question','2 第 learnt.kind','2 第 learnt.by',1795262400000000);
CREATE TABLE miss (
	id VARCHAR(64) NOT NULL, 
	call VARCHAR(64) NOT NULL, 
	agent VARCHAR(64) NOT NULL, 
	teams JSON NOT NULL, 
	at BIGINT NOT NULL, 
	question TEXT NOT NULL, 
	lang VARCHAR(8) NOT NULL, 
	product VARCHAR(64) NOT NULL, 
	seconds FLOAT NOT NULL, 
	signals JSON NOT NULL, 
	tag VARCHAR(16) NOT NULL, 
	gap VARCHAR(64) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "miss" VALUES('1 第 miss.id','1 第 miss.call','1 第 miss.agent','{"\u8bf4": ["\u8bdd", 1]}',1795262400000000,'1 第 miss.question','1 第 miss','1 第 miss.product',1.0,'{"\u8bf4": ["\u8bdd", 1]}','1 第 miss.tag','1 第 miss.gap');
INSERT INTO "miss" VALUES('2 第 miss.id','2 第 miss.call','2 第 miss.agent','{"\u8bf4": ["\u8bdd", 2]}',1795262400000000,'2 第 miss.question','2 第 miss','2 第 miss.product',2.0,'{"\u8bf4": ["\u8bdd", 2]}','2 第 miss.tag','2 第 miss.gap');
CREATE TABLE oidc_flow (
	"key" VARCHAR(64) NOT NULL, 
	nonce VARCHAR(64) NOT NULL, 
	verifier VARCHAR(64) NOT NULL, 
	destination TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "oidc_flow" VALUES('1 第 oidc_flow.key','1 第 oidc_flow.nonce','1 第 oidc_flow.verifier','1 第 oidc_flow.destination',1795262400000000);
INSERT INTO "oidc_flow" VALUES('2 第 oidc_flow.key','2 第 oidc_flow.nonce','2 第 oidc_flow.verifier','2 第 oidc_flow.destination',1795262400000000);
CREATE TABLE outbox (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR(64) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	subject VARCHAR(240) NOT NULL, 
	at BIGINT NOT NULL, 
	data TEXT NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "outbox" VALUES(1,'1 第 outbox.id','1 第 outbox.kind','1 第 outbox.subject',1795262400000000,'1 第 outbox.data');
INSERT INTO "outbox" VALUES(2,'2 第 outbox.id','2 第 outbox.kind','2 第 outbox.subject',1795262400000000,'2 第 outbox.data');
CREATE TABLE past (
	month VARCHAR(7) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	tag VARCHAR(16) NOT NULL, 
	count INTEGER NOT NULL, 
	PRIMARY KEY (month, kind, article, tag)
);
INSERT INTO "past" VALUES('1 第 pas','1 第 past.kind','1 第 past.article','1 第 past.tag',1);
INSERT INTO "past" VALUES('2 第 pas','2 第 past.kind','2 第 past.article','2 第 past.tag',2);
CREATE TABLE practice (
	id VARCHAR(64) NOT NULL, 
	user VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	question TEXT NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	opened VARCHAR(200) NOT NULL, 
	seconds FLOAT NOT NULL, 
	"right" BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "practice" VALUES('1 第 practice.id','1 第 practice.user',1795262400000000,'1 第 practice.question','1 第 practice.article','1 第 practice.opened',1.0,0);
INSERT INTO "practice" VALUES('2 第 practice.id','2 第 practice.user',1795262400000000,'2 第 practice.question','2 第 practice.article','2 第 practice.opened',2.0,1);
CREATE TABLE preference (
	user VARCHAR(64) NOT NULL, 
	name VARCHAR(32) NOT NULL, 
	value JSON NOT NULL, 
	PRIMARY KEY (user, name)
);
INSERT INTO "preference" VALUES('1 第 preference.user','1 第 preference.name','{"\u8bf4": ["\u8bdd", 1]}');
INSERT INTO "preference" VALUES('2 第 preference.user','2 第 preference.name','{"\u8bf4": ["\u8bdd", 2]}');
CREATE TABLE promise (
	id VARCHAR(64) NOT NULL, 
	call VARCHAR(64) NOT NULL, 
	agent VARCHAR(64) NOT NULL, 
	made_at BIGINT NOT NULL, 
	due_at BIGINT NOT NULL, 
	what TEXT NOT NULL, 
	gap VARCHAR(64) NOT NULL, 
	kept_at BIGINT, 
	undone_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(call) REFERENCES call (id)
);
INSERT INTO "promise" VALUES('1 第 promise.id','1 第 call.id','1 第 promise.agent',1795262400000000,1795262400000000,'1 第 promise.what','1 第 promise.gap',1795262400000000,1795262400000000);
INSERT INTO "promise" VALUES('2 第 promise.id','2 第 call.id','2 第 promise.agent',1795262400000000,1795262400000000,'2 第 promise.what','2 第 promise.gap',1795262400000000,1795262400000000);
CREATE TABLE receipt (
	id VARCHAR(64) NOT NULL, 
	asked VARCHAR(64) NOT NULL, 
	status INTEGER NOT NULL, 
	answer TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "receipt" VALUES('1 第 receipt.id','1 第 receipt.asked',1,'1 第 receipt.answer',1795262400000000);
INSERT INTO "receipt" VALUES('2 第 receipt.id','2 第 receipt.asked',2,'2 第 receipt.answer',1795262400000000);
CREATE TABLE replay (
	gap VARCHAR(64) NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	generation VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	lines JSON NOT NULL, 
	lacks JSON NOT NULL, 
	PRIMARY KEY (gap), 
	FOREIGN KEY(gap) REFERENCES gap (id)
);
INSERT INTO "replay" VALUES('1 第 gap.id','1 第 replay.article','1 第 replay.generation',1795262400000000,'{"\u8bf4": ["\u8bdd", 1]}','{"\u8bf4": ["\u8bdd", 1]}');
INSERT INTO "replay" VALUES('2 第 gap.id','2 第 replay.article','2 第 replay.generation',1795262400000000,'{"\u8bf4": ["\u8bdd", 2]}','{"\u8bf4": ["\u8bdd", 2]}');
CREATE TABLE revision (
	id INTEGER NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	path VARCHAR(400) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	parent VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	"by" VARCHAR(200) NOT NULL, 
	cause VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "revision" VALUES(1,'1 第 revision.article','1 第 revision.path','1 第 revision.sha256','1 第 revision.parent',1795262400000000,'1 第 revision.by','1 第 revision.cau','1 第 revision.sta');
INSERT INTO "revision" VALUES(2,'2 第 revision.article','2 第 revision.path','2 第 revision.sha256','2 第 revision.parent',1795262400000000,'2 第 revision.by','2 第 revision.cau','2 第 revision.sta');
CREATE TABLE round_item (
	round VARCHAR(64) NOT NULL, 
	gap VARCHAR(64) NOT NULL, 
	place INTEGER NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	calls INTEGER NOT NULL, 
	agents INTEGER NOT NULL, 
	seconds FLOAT NOT NULL, 
	questions JSON NOT NULL, 
	reason VARCHAR(16) NOT NULL, 
	answer VARCHAR(200) DEFAULT '' NOT NULL, 
	decision TEXT NOT NULL, 
	decided_by VARCHAR(64) NOT NULL, 
	decided_at BIGINT, 
	PRIMARY KEY (round, gap), 
	FOREIGN KEY(round) REFERENCES round_table (id), 
	FOREIGN KEY(gap) REFERENCES gap (id)
);
INSERT INTO "round_item" VALUES('1 第 round_table.id','1 第 gap.id',1,'1 第 round_item.s',1,1,1.0,'{"\u8bf4": ["\u8bdd", 1]}','1 第 round_item.r','1 第 round_item.answer','1 第 round_item.decision','1 第 round_item.decided_by',1795262400000000);
INSERT INTO "round_item" VALUES('2 第 round_table.id','2 第 gap.id',2,'2 第 round_item.s',2,2,2.0,'{"\u8bf4": ["\u8bdd", 2]}','2 第 round_item.r','2 第 round_item.answer','2 第 round_item.decision','2 第 round_item.decided_by',1795262400000000);
CREATE TABLE round_table (
	id VARCHAR(64) NOT NULL, 
	at BIGINT NOT NULL, 
	"by" VARCHAR(64) NOT NULL, 
	title TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "round_table" VALUES('1 第 round_table.id',1795262400000000,'1 第 round_table.by','1 第 round_table.title');
INSERT INTO "round_table" VALUES('2 第 round_table.id',1795262400000000,'2 第 round_table.by','2 第 round_table.title');
CREATE TABLE schema (
	version INTEGER NOT NULL
);
INSERT INTO "schema" VALUES(14);
CREATE TABLE session (
	"key" VARCHAR(64) NOT NULL, 
	user VARCHAR(64) NOT NULL, 
	sample BOOLEAN NOT NULL, 
	begun_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "session" VALUES('1 第 session.key','1 第 session.user',0,1795262400000000,1795262400000000);
INSERT INTO "session" VALUES('2 第 session.key','2 第 session.user',1,1795262400000000,1795262400000000);
CREATE TABLE user (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	teams JSON NOT NULL, 
	langs JSON NOT NULL, 
	password VARCHAR(200) NOT NULL, 
	must_change BOOLEAN NOT NULL, 
	created_at BIGINT NOT NULL, 
	disabled_at BIGINT, 
	PRIMARY KEY (id)
);
INSERT INTO "user" VALUES('1 第 user.id','1 第 user.name','1 第 user.role','{"\u8bf4": ["\u8bdd", 1]}','{"\u8bf4": ["\u8bdd", 1]}','1 第 user.password',0,1795262400000000,1795262400000000);
INSERT INTO "user" VALUES('2 第 user.id','2 第 user.name','2 第 user.role','{"\u8bf4": ["\u8bdd", 2]}','{"\u8bf4": ["\u8bdd", 2]}','2 第 user.password',1,1795262400000000,1795262400000000);
CREATE TABLE version (
	sha256 VARCHAR(64) NOT NULL, 
	article VARCHAR(200) NOT NULL, 
	first_at BIGINT NOT NULL, 
	source TEXT NOT NULL, 
	PRIMARY KEY (sha256)
);
INSERT INTO "version" VALUES('1 第 version.sha256','1 第 version.article',1795262400000000,'1 第 version.source');
INSERT INTO "version" VALUES('2 第 version.sha256','2 第 version.article',1795262400000000,'2 第 version.source');
CREATE TABLE webhook (
	id VARCHAR(64) NOT NULL, 
	url TEXT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	body TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	next_at BIGINT NOT NULL, 
	tries INTEGER NOT NULL, 
	sent_at BIGINT, 
	given_up_at BIGINT, 
	problem VARCHAR(200) NOT NULL, 
	event VARCHAR(64) DEFAULT '' NOT NULL, 
	number INTEGER DEFAULT '0' NOT NULL, 
	subject VARCHAR(240) DEFAULT '' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "webhook" VALUES('1 第 webhook.id','1 第 webhook.url','1 第 webhook.kind','1 第 webhook.body',1795262400000000,1795262400000000,1,1795262400000000,1795262400000000,'1 第 webhook.problem','1 第 webhook.event',1,'1 第 webhook.subject');
INSERT INTO "webhook" VALUES('2 第 webhook.id','2 第 webhook.url','2 第 webhook.kind','2 第 webhook.body',1795262400000000,1795262400000000,2,1795262400000000,1795262400000000,'2 第 webhook.problem','2 第 webhook.event',2,'2 第 webhook.subject');
CREATE INDEX call_to_read ON call (read_at, tag);
CREATE INDEX call_held ON call (agent, ended_at);
CREATE INDEX call_lately ON call (last_at);
CREATE INDEX call_of_tag ON call (tag);
CREATE INDEX call_to_notice ON call (noticed_at, last_at);
CREATE INDEX asked_by_time ON asked (tag, at);
CREATE INDEX asked_that_opened ON asked (opened, tag, at);
CREATE INDEX asked_of_call ON asked (call);
CREATE INDEX version_of_article ON version (article, first_at);
CREATE INDEX flag_of_article ON flag (article, at);
CREATE INDEX gap_by_state ON gap (state, at);
CREATE INDEX gap_by_owner ON gap (owner, due_at);
CREATE INDEX miss_of_gap ON miss (gap, at);
CREATE INDEX miss_of_call ON miss (call);
CREATE INDEX miss_by_time ON miss (at);
CREATE INDEX outbox_by_time ON outbox (at);
CREATE INDEX webhook_of_event ON webhook (event);
CREATE INDEX webhook_waiting ON webhook (sent_at, next_at);
CREATE INDEX webhook_in_order ON webhook (url, subject, number);
CREATE INDEX learnt_by_time ON learnt (at);
CREATE INDEX bulletin_live ON bulletin (expires_at);
CREATE INDEX practice_of_user ON practice (user, at);
CREATE INDEX session_of_user ON session (user);
CREATE INDEX attempt_of ON attempt (who, at);
CREATE INDEX receipt_by_time ON receipt (at);
CREATE INDEX revision_of_article ON revision (article, id);
CREATE INDEX audit_of_act ON audit (act, number);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE INDEX event_of_agent ON event (agent, at);
CREATE INDEX event_of_call ON event (call, at);
CREATE INDEX event_that_solved ON event (kind, article, undone_at, call);
CREATE INDEX event_taken_back ON event (undone_at);
CREATE INDEX event_of_article ON event (article, kind);
CREATE INDEX promise_of_agent ON promise (agent, due_at);
CREATE INDEX report_of_agent ON gap_report (agent, told_at);
CREATE INDEX report_of_gap ON gap_report (gap, at);
CREATE INDEX move_by_time ON gap_move (at, "after");
CREATE INDEX move_of_gap ON gap_move (gap, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('outbox',2);
COMMIT;
