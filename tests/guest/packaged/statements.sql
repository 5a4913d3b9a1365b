create table fruit (name text primary key, number integer, price real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
insert into fruit select 'fruit ' || i, i * i, i / 7.0 from n;
create index by_number on fruit (number);
begin; delete from fruit where number % 3 = 0; rollback;
select count(*), sum(number), round(avg(price), 6), group_concat(name, '|')
  from (select * from fruit where number < 20 order by number desc);
select typeof(price), printf('%08.3f', price) from fruit where number = 49;
select name from fruit where name like '%199%' order by number limit 3;
select json_extract('{"a": [1, {"b": 2}]}', '$.a[1].b'), upper('x'), sqlite_version();
pragma integrity_check;
select * from nothing;
